"""Configs that must be refused: what is changed in the tiny study, and how each line about it begins.

Every number has to be reported with what is allowed, every name with what it may hold. "…" stands for anything.
"""

from typing import Any

INF, NAN = float("inf"), float("nan")
NAME = "a name holds letters, digits, '_' and '-' of ASCII, and starts with a letter or digit (it is …)"
NETWORKS = "allowed: cnn, densenet, densenet121, "
ALL_OR_LIST = "pairs: should be 'all' or a list of [teacher, student] (it is "
MAPPING = "should be a mapping of "
ADDRESS = "dataset.mirror: should be an address that begins with https:// or http:// (it is "

# Names that would leave their folder, run a command, hide, or collide; and how a message shows them.
NAMES = {
    "parent": ("../x", "../x"),
    "dots": ("..", ".."),
    "dot": (".", "."),
    "absolute": ("/etc/passwd", "/etc/passwd"),
    "option": ("-rf", "-rf"),
    "hidden": ("_downloads", "_downloads"),
    "command": ("$(touch pwned)", "$(touch pwned)"),
    "backticks": ("`touch pwned`", "`touch pwned`"),
    "semicolon": ("x;touch pwned", "x;touch pwned"),
    "pipe": ("x|touch pwned", "x|touch pwned"),
    "ampersand": ("x&touch pwned", "x&touch pwned"),
    "braces": ("{seed}", "{seed}"),
    "space": ("a b", "a b"),
    "newline": ("a\ntouch pwned", r"'a\ntouch pwned'"),
    "nul": ("a\0b", r"'a\x00b'"),
    "terminal": ("\033[2J", r"'\x1b[2J'"),
    "lookalike": ("c\N{CYRILLIC SMALL LETTER EN}n", "c\N{CYRILLIC SMALL LETTER EN}n"),
    "empty": ("", "''"),
}
LONG = "x" * 300
LIBRARY = "architecture: there is no library 'a'; allowed: timm, torchvision"  # what stands before a slash


def named(name: str, shown: str, rule: str = NAME) -> tuple[dict[str, Any], list[str]]:
    """The same bad name everywhere: each place has its line."""
    changes = {
        "study": name,
        "dataset": {"name": name},
        "teachers": {name: {"architecture": "vgg16"}},
        "students": {name: {"architecture": name}},
        "methods": {name: {"method": name}},
    }
    places = ["study", "dataset.name"]
    places += [f"teachers.{shown}", f"students.{shown}", f"students.{shown}.architecture"]
    places += [f"methods.{shown}", f"methods.{shown}.method"]
    return changes, [f"{place}: {rule}" for place in places]


def student_config(**options: Any) -> dict[str, Any]:
    return {"students": {"cnn": options}}


def kd(**options: Any) -> dict[str, Any]:
    return {"methods": {"kd": options}}


def dataset_config(name: str, **options: Any) -> dict[str, Any]:
    return {"dataset": {"name": name, **options}}


CONFIGS: dict[str, tuple[dict[str, Any], list[str]]] = {
    **{f"name-{key}": named(*name) for key, name in NAMES.items()},
    "name-subfolder": (
        named("a/b", "a/b")[0],
        [*(line for line in named("a/b", "a/b")[1] if "architecture" not in line), f"students.a/b.{LIBRARY}"],
    ),
    "external-mean": (
        {"teachers": {"mine": {"architecture": "cnn", "external": "mine.pth", "mean": [0.5]}}},
        ["teachers.mine.std: as many numbers as mean has are needed, one for each channel"],
    ),
    "trained-mean": (
        {"teachers": {"cnn": {"mean": [0.5], "std": [0.5]}}},
        [
            "teachers.cnn.mean: goes with external, weights that were trained elsewhere",
            "teachers.cnn.std: goes with external, weights that were trained elsewhere",
        ],
    ),
    "external-missing": (
        {"teachers": {"mine": {"architecture": "cnn", "external": "$(touch pwned).safetensors"}}},
        ["teachers.mine.external: '$(touch pwned).safetensors' cannot be read: No such file or directory"],
    ),
    "external-trained": (
        {"teachers": {"cnn": {"external": "mine.safetensors", "lr": 0.1, "seed": 1}}},
        ["teachers.cnn.lr: unknown key; allowed: ", "teachers.cnn.seed: unknown key; allowed: "],
    ),
    "logits-missing": (
        {"teachers": {"mine": {"logits": "mine.npz"}}},
        ["teachers.mine.logits: 'mine.npz' cannot be read: No such file or directory"],
    ),
    "logits-no-archive": (
        {"teachers": {"mine": {"logits": "study.yaml"}}},
        ["teachers.mine.logits: 'study.yaml' is no .npz file (File is not a zip file)"],
    ),
    "logits-trained": (
        {"teachers": {"mine": {"logits": "mine.npz", "architecture": "cnn", "epochs": 1}}},
        [
            "teachers.mine.architecture: unknown key; allowed: logits",
            "teachers.mine.epochs: unknown key; allowed: logits",
        ],
    ),
    "logits-live": (
        {"teachers": {"mine": {"logits": "mine.npz"}}, "targets": "live"},
        ["targets: a network runs live, and teachers.mine is a file of logits; allowed: auto, cached"],
    ),
    "library-typo": (
        student_config(architecture="torchvison/resnet18"),
        [
            "students.cnn.architecture: there is no library 'torchvison'; did you mean 'torchvision'?; allowed: timm, torchvision"
        ],
    ),
    "library-has-it-not": (
        student_config(architecture="torchvision/resnet19"),
        ["students.cnn.architecture: torchvision has no classifier 'resnet19'; did you mean 'resnet1"],
    ),
    "library-traversal": (
        student_config(architecture="torchvision/../../x"),
        [f"students.cnn.architecture: {NAME}"],
    ),
    "library-option": (
        student_config(architecture="torchvision/resnet18", width=0.5, input_size=10**6),
        [
            "students.cnn.width: unknown key; allowed: architecture, ",
            "students.cnn.input_size: should be less than or equal to 512",
        ],
    ),
    "name-long": named(LONG, f"'{'x' * 60}...", "should have at most … characters (it is '"),
    "unknown-key": (
        {"colour": "red"},
        ["colour: unknown key; allowed: compute, dataset, diagnostics, export, extends, methods, "],
    ),
    "typo-in-key": ({"seedz": [0]}, ["seedz: unknown key; did you mean 'seeds'?; allowed: "]),
    "typo-in-option": (
        student_config(widht=1),
        ["students.cnn.widht: unknown key; did you mean 'width'?; allowed: architecture, "],
    ),
    "typo-in-recipe": (
        {"recipe": {"epoch": 1}},
        ["recipe.epoch: unknown key; did you mean 'epochs'?; allowed: "],
    ),
    "key-is-a-number": ({3: 1}, ["3: Keys should be strings"]),
    "option-of-another": (
        dataset_config("digits", path="x"),
        ["dataset.path: unknown key; allowed: colour_jitter, crop_area, "],
    ),
    "seed-of-a-student": (student_config(seed=1), ["students.cnn.seed: unknown key; allowed: "]),
    "architecture-typo": (
        {"students": {"cn": {}}},
        [f"students.cn: there is no architecture 'cn'; did you mean 'cnn'?; {NETWORKS}"],
    ),
    "architecture-number": (
        student_config(architecture=0),
        ["students.cnn.architecture: should be a valid string (it is 0)"],
    ),
    "method-typo": (
        {"methods": {"kb": {}}},
        ["methods.kb: there is no method 'kb'; allowed: ab, abkd, at, …cross_entropy, …kd, "],
    ),
    "dataset-typo": (
        dataset_config("digts"),
        [
            "dataset.name: there is no data set 'digts'; did you mean 'digits'?; allowed: cifar10, cifar100, digits, "
        ],
    ),
    "teacher-undefined": (
        {"pairs": [["vgg61", "cnn"]]},
        ["pairs.0: 'vgg61' is not in teachers; did you mean 'vgg16'?; allowed: mobilenet, vgg16"],
    ),
    "student-undefined": ({"pairs": [["vgg16", "x"]]}, ["pairs.0: 'x' is not in students; allowed: cnn"]),
    "pair-traversal": (
        {"pairs": [["../x", "cnn"]]},
        ["pairs.0: '../x' is not in teachers; allowed: mobilenet, vgg16"],
    ),
    "pair-of-three": ({"pairs": [["vgg16", "cnn", "cnn"]]}, [ALL_OR_LIST]),
    "pair-repeated": (
        {"pairs": [["vgg16", "cnn"]] * 2},
        ["pairs: ['vgg16', 'cnn'] is repeated; list it once"],
    ),
    "pairs-empty": ({"pairs": []}, [ALL_OR_LIST]),
    "seeds-empty": ({"seeds": []}, ["seeds: needs at least one entry"]),
    "seeds-number": ({"seeds": 42}, ["seeds: a number of seeds should be 1 to 20, …; write [42] for"]),
    "seed-repeated-as-float": (
        {"seeds": [1, 1.0]},
        ["seeds: 1 is repeated; list it once"],
    ),
    "seed-negative": ({"seeds": [-1]}, ["seeds.0: should be greater than or equal to 0 (it is -1)"]),
    "seed-huge": ({"seeds": [0, 2**31]}, ["seeds.1: should be less than 2147483648 (it is 2147483648)"]),
    "seed-fraction": (
        {"seeds": [0.5]},
        ["seeds.0: should be a valid integer, got a number with a fractional part"],
    ),
    "seed-true": ({"seeds": [True]}, ["seeds.0: should be a number, not true or false (it is True)"]),
    "channels-empty": (student_config(channels=[]), ["students.cnn.channels: needs at least one entry"]),
    "channels-huge": (
        student_config(channels=[10**9]),
        ["students.cnn.channels.0: should be less than or equal to 1000000"],
    ),
    "width-nan": (student_config(width=NAN), ["students.cnn.width: should be …(it is nan)"]),
    "epochs-zero": (
        {"recipe": {"epochs": 0}},
        ["recipe.epochs: should be greater than or equal to 1 (it is 0)"],
    ),
    "epochs-huge": (
        {"recipe": {"epochs": 10**30}},
        ["recipe.epochs: should be less than or equal to 1000000 (it is "],
    ),
    "epochs-infinite": (
        {"recipe": {"epochs": INF}},
        ["recipe.epochs: should be a finite number (it is inf)"],
    ),
    "epochs-null": ({"recipe": {"epochs": None}}, ["recipe.epochs: should be a valid integer (it is None)"]),
    "epochs-true": (
        {"recipe": {"epochs": True}},
        ["recipe.epochs: should be a number, not true or false (it is True)"],
    ),
    "batch-of-one": (
        {"recipe": {"batch_size": 1}},
        ["recipe.batch_size: should be greater than or equal to 2 (it is 1)"],
    ),
    "lr-word": ({"recipe": {"lr": "fast"}}, ["recipe.lr: should be a valid number, …(it is 'fast')"]),
    "lr-nan": ({"recipe": {"lr": NAN}}, ["recipe.lr: should be a finite number (it is nan)"]),
    "lr-overflow": ({"recipe": {"lr": "1e400"}}, ["recipe.lr: should be a finite number (it is '1e400')"]),
    "lr-negative": ({"recipe": {"lr": -0.1}}, ["recipe.lr: should be greater than 0 (it is -0.1)"]),
    "nesterov-alone": (
        {"recipe": {"nesterov": True, "momentum": 0}},
        ["recipe: nesterov needs a momentum above 0"],
    ),
    "milestones-late": (
        {"recipe": {"schedule": "multi_step", "milestones": [500]}},
        ["recipe: schedule multi_step needs milestones that rise and stay below epochs (200), not [500]"],
    ),
    "temperature-zero": (kd(temperature=0), ["methods.kd.temperature: should be greater than 0 (it is 0)"]),
    "temperature-infinite": (
        kd(temperature=INF),
        ["methods.kd.temperature: should be a finite number (it is inf)"],
    ),
    "temperature-huge": (
        kd(temperature=1e300),
        ["methods.kd.temperature: should be less than or equal to 1000000"],
    ),
    "weight-negative": (
        kd(kd_weight=-1),
        ["methods.kd.kd_weight: should be greater than or equal to 0 (it is -1)"],
    ),
    "weights-zero": (
        kd(ce_weight=0, kd_weight=0),
        [
            "methods.kd: ce_weight and kd_weight are both 0, so nothing would be learnt; one of them must be above 0"
        ],
    ),
    "validation-negative": (
        dataset_config("digits", validation=-0.1),
        ["dataset.validation: should be greater than or equal to 0 (it is -0.1)"],
    ),
    "image-size-huge": (
        dataset_config("image_folder", path="mine", image_size=10**6),
        ["dataset.image_size: should be less than or equal to 512"],
    ),
    "path-missing": (dataset_config("image_folder"), ["dataset.path: this key is required"]),
    "path-number": (
        dataset_config("image_folder", path=3),
        ["dataset.path: should be a valid string (it is 3)"],
    ),
    "path-command": (
        dataset_config("image_folder", path="$(touch pwned)"),
        ["dataset.path: no folder '$(touch pwned)/train'; the layout is train/<class>/<image> and "],
    ),
    "path-of-a-file": (
        dataset_config("image_folder", path="/etc/passwd"),
        ["dataset.path: no folder '/etc/passwd/train'; the layout is train/<class>/<image> and "],
    ),
    "path-long": (dataset_config("image_folder", path="x" * 5000), ["dataset.path: 'xxx…' is no folder: "]),
    "mirror-of-nothing": (
        dataset_config("digits", mirror="https://example.org"),
        ["dataset.mirror: data set 'digits' downloads nothing; leave this key out"],
    ),
    "mirror-file": (
        dataset_config("cifar10", mirror="file:///etc/passwd"),
        [f"{ADDRESS}'file:///etc/passwd')"],
    ),
    "mirror-ftp": (dataset_config("cifar10", mirror="ftp://example.org"), [f"{ADDRESS}'ftp://example.org')"]),
    "mirror-empty": (dataset_config("cifar10", mirror=""), [f"{ADDRESS}'')"]),
    "mirror-command": (dataset_config("cifar10", mirror="$(touch pwned)"), [f"{ADDRESS}'$(touch pwned)')"]),
    # Several at once, each with its line.
    "sections": (
        {
            "teachers": {},
            "students": None,
            "methods": [["kd"]],
            "recipe": 0.1,
            "dataset": 3,
            "targets": "cache",
        },
        [
            "teachers: needs at least one entry (it is {})",
            f"students: {MAPPING}names to values (it is None)",
            "methods.0: should be a name, or {name: options} (it is ['kd'])",
            f"recipe: {MAPPING}keys to values (it is 0.1)",
            f"dataset: {MAPPING}keys to values (it is 3)",
            "targets: should be 'auto', 'cached' or 'live' (it is 'cache')",
        ],
    ),
    "recipe": (
        {"recipe": {"batch_size": 2.5, "momentum": 1, "weight_decay": -1, "schedule": "cosinus"}},
        [
            "recipe.batch_size: should be a valid integer, got a number with a fractional part (it is 2.5)",
            "recipe.momentum: should be less than 1 (it is 1)",
            "recipe.weight_decay: should be greater than or equal to 0 (it is -1)",
            "recipe.schedule: should be 'cosine', 'multi_step', 'constant', 'linear' or 'one_cycle'"
            " (it is 'cosinus')",
        ],
    ),
    "networks": (
        {
            "students": {
                "cnn": {"width": 0, "channels": [8, 0], "epochs": 0},
                "vgg16": 3,
                "resnet18": {"width": 1e6},
            }
        },
        [
            "students.cnn.width: should be greater than 0 (it is 0)",
            "students.cnn.channels.1: should be greater than or equal to 1 (it is 0)",
            "students.cnn.epochs: should be greater than or equal to 1 (it is 0)",
            f"students.vgg16: {MAPPING}keys to values (it is 3)",
            "students.resnet18.width: should be less than or equal to 16 (it is 1000000.0)",
        ],
    ),
    "data": (
        dataset_config("digits", validation=1, pad=10**6, flip="often"),
        [
            "dataset.validation: should be less than 1 (it is 1)",
            "dataset.pad: should be less than or equal to 32 (it is 1000000)",
            "dataset.flip: should be true, false or alternate (it is 'often')",
        ],
    ),
    "export": (
        {"export": {"int8": "perhaps", "images": 0, "calibration": True, "licence": "", "format": "onnx"}},
        [
            "export.int8: should be a valid boolean",
            "export.calibration: should be a number, not true or false (it is True)",
            "export.images: should be greater than or equal to 1 (it is 0)",
            "export.licence: should have at least 1 character (it is '')",
            "export.format: unknown key; allowed: batch, calibration, images, int8, licence, licence_link, ",
        ],
    ),
    "licence": (
        {"export": {"licence": "MIT", "licence_link": "example.org"}},
        [
            "export.licence: no identifier of a licence that the Hugging Face Hub knows; did you mean 'mit'?; ",
            "export.licence_link: should be an address that begins with https:// or http://",
        ],
    ),
    "licence-without-a-name": (
        {"export": {"licence": "other", "licence_link": "https://example.org/mine"}},
        ["export: licence: other needs licence_name and licence_link"],
    ),
    "name-without-its-licence": (
        {"export": {"licence": "mit", "licence_name": "mine"}},
        ["export: licence_name goes with licence: other alone"],
    ),
    "compute": (
        {"compute": {"device": "tpu", "threads": 0, "checkpoint_seconds": -5}},
        [
            "compute.device: should be 'auto', 'cuda', 'mps' or 'cpu' (it is 'tpu')",
            "compute.threads: should be greater than or equal to 1 (it is 0)",
            "compute.checkpoint_seconds: should be greater than 0 (it is -5)",
        ],
    ),
    "diagnostics": (
        {"diagnostics": {"temperatures": [0, -1], "worst": 10**4, "cka": "perhaps", "shap": True}},
        [
            "diagnostics.temperatures.0: should be greater than 0 (it is 0)",
            "diagnostics.temperatures.1: should be greater than 0 (it is -1)",
            "diagnostics.worst: should be less than or equal to 200 (it is 10000)",
            "diagnostics.cka: should be a valid boolean, …(it is 'perhaps')",
            "diagnostics.shap: unknown key; allowed: cka, target_accuracy, temperatures, worst",
        ],
    ),
}

SNAKEMAKES = "Config file "  # what it says of a file that it cannot take
FILES: dict[str, tuple[bytes, list[str]]] = {
    "file-not-yaml": (b"study: [tiny\n", [f"{SNAKEMAKES}is not valid JSON or YAML"]),
    "file-tabs": (b"dataset:\n\tname: digits\n", [f"{SNAKEMAKES}is not valid JSON or YAML"]),
    "file-runs-code": (
        b"study: !!python/object/apply:os.system [touch pwned]\n",
        [f"{SNAKEMAKES}is not valid"],
    ),
    "file-list": (b"- study: tiny\n", [f"{SNAKEMAKES}must be given as JSON or YAML with keys at top level"]),
    "file-empty": (b"", [f"{SNAKEMAKES}must be given as JSON or YAML with keys at top level"]),
}

OVERRIDES: dict[str, tuple[str, list[str]]] = {
    "override-unknown": ("colour=red", ["colour: unknown key; allowed: compute, "]),
    "override-deep": (
        "recipe={epochs: 0}",
        ["recipe.epochs: should be greater than or equal to 1 (it is '0')"],
    ),
    "override-text": ("seeds=all", ["seeds: should be a list (it is 'all')"]),
}
