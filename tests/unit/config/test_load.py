"""Configs: what is taken, and that every mistake is reported at once, by its key, with what is allowed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from small_config import complaints, config

from kd.config.dataset import DatasetEntry
from kd.config.duplicates import refuse_repeated_keys
from kd.config.load import load_study
from kd.config.methods import MethodEntry
from kd.config.schema import StudyFile, json_schema
from kd.config.sweep import Range, SweepEntry
from kd.config.teachers import TeacherEntry
from kd.errors import UserError
from kd.registry import methods
from kd.settings.compute import Compute

ROOT = Path(__file__).parents[3]
CONFIGS = sorted((ROOT / "config").glob("*.yaml"))


def test_a_good_config():
    study = load_study(config())
    assert study.teachers["vgg16"].recipe.epochs == 30
    assert study.teachers["vgg16"].recipe.lr == 0.05
    assert study.teachers["vgg16"].recipe.weight_decay == 5e-4  # YAML reads 5e-4 as text
    assert study.teachers["resnet18"].recipe.epochs == 20
    assert study.teachers["resnet18"].options == {"width": 0.25}
    assert study.pairs == (("resnet18", "cnn"), ("vgg16", "cnn"))
    assert (study.dataset.pad, study.dataset.flip) == (1, False)  # the data set's own
    assert study.uses_targets("kd")


def test_names_may_differ_from_architectures_and_methods():
    study = load_study(
        config(
            students={"wide": {"architecture": "cnn", "width": 2}, "cnn": None},
            methods={"hot": {"method": "kd", "temperature": 20}, "kd": {}},
        )
    )
    assert study.students["wide"].architecture == study.students["cnn"].architecture == "cnn"
    assert study.students["cnn"].options["width"] == 1
    ((method, options),) = study.methods["hot"].parts
    assert (method, options["temperature"]) == ("kd", 20)
    assert study.methods["kd"].parts[0][1]["temperature"] == 4


@pytest.mark.parametrize("weights", [{"ce_weight": 0}, {"kd_weight": 0}])
def test_one_weight_may_be_zero(weights):
    assert load_study(config(methods={"kd": weights})).methods["kd"].parts[0][1].items() >= weights.items()


@pytest.mark.parametrize(
    "mirror", ["", "  ", "ftp://x/y", "file:///etc/passwd", "example.org", "http://", "https://x\n"]
)
def test_a_mirror_is_an_address(mirror):
    (line,) = complaints(dataset={"name": "cifar10", "mirror": mirror})
    assert line.startswith(
        "dataset.mirror: should be an address that begins with https:// or http:// (it is '"
    )


@pytest.mark.parametrize("name", ["cifar10", "mini_open_images"])
@pytest.mark.parametrize("mirror", ["http://127.0.0.1:8000/", "https://example.org/some/folder"])
def test_mirrors(mirror, name):
    data = load_study(config(dataset={"name": name, "mirror": mirror})).dataset
    assert data.mirror == mirror.rstrip("/")


def test_a_list_of_pairs():
    assert load_study(config(pairs=[["vgg16", "cnn"]])).pairs == (("vgg16", "cnn"),)


def test_live_targets_are_not_cached():
    assert not load_study(config(targets="live")).uses_targets("kd")


def test_all_mistakes_are_reported_at_once():
    lines = complaints(
        study="../../etc",
        dataset={"name": "digits", "pads": 1},
        recipe={"epochs": 0, "lr": "fast"},
        teachers={"resnet_18": {}, "vgg16": {"widht": 1, "epochs": -1}},
        students={"cnn": {"width": -1}},
        pairs=[["vgg16", "cnnn"]],
        methods={"kd": {"temperature": 0}},
        seeds=[],
        colour="red",
    )
    keys = [line.split(":")[0] for line in lines]
    assert sorted(keys) == sorted(
        [
            "study",
            "dataset.pads",
            "recipe.epochs",
            "recipe.lr",
            "teachers.resnet_18",
            "teachers.vgg16.widht",
            "teachers.vgg16.epochs",
            "students.cnn.width",
            "pairs.0",
            "methods.kd.temperature",
            "seeds",
            "colour",
        ]
    )


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"teachers": {"resnet_18": {}}},
            "teachers.resnet_18: there is no architecture 'resnet_18'; did you mean",
        ),
        (
            {"students": {"cnn": {"widht": 1}}},
            "students.cnn.widht: unknown key; did you mean 'width'?; allowed: arch",
        ),
        (
            {"methods": {"kb": {}}},
            f"methods.kb: there is no method 'kb'; allowed: {', '.join(sorted(methods()))}",
        ),
        (
            {"dataset": {"name": "digts"}},
            "dataset.name: there is no data set 'digts'; did you mean 'digits'?",
        ),
        ({"dataset": {"name": "digits", "path": "x"}}, "dataset.path: unknown key"),
        ({"dataset": {"name": "image_folder"}}, "dataset.path: this key is required"),
        (
            {"dataset": {"name": "digits", "mirror": "http://x"}},
            "dataset.mirror: data set 'digits' downloads nothing",
        ),
        (
            {"dataset": {"name": "mini_open_images", "classes": ["Cat", "Dog", "Cat"]}},
            "dataset.classes: Cat is given more than once; each may be there once",
        ),
        (
            {"dataset": {"name": "mini_open_images", "classes": ["Cat"]}},
            "dataset.classes: needs at least 2 entries",
        ),
        (
            {"dataset": {"name": "mini_open_images", "train_from": "validation"}},
            "dataset.train_from: should be 'test' or 'train' (it is 'validation')",
        ),
        (
            {"dataset": {"name": "mini_open_images", "workers": 1000}},
            "dataset.workers: should be less than or equal to 32",
        ),
        (
            {"dataset": {"name": "mini_open_images", "tolerated_failures": 1}},
            "dataset.tolerated_failures: should be less than 1 (it is 1)",
        ),
        ({"dataset": "digits"}, "dataset: should be a mapping of keys to values (it is 'digits')"),
        ({"dataset": {"name": "digits", "validation": 0}}, "dataset.validation: should be greater than 0"),
        (
            {"pairs": [["vgg", "cnn"]]},
            "pairs.0: 'vgg' is not in teachers; did you mean 'vgg16'?; allowed: resnet18, vgg16",
        ),
        ({"pairs": [["vgg16", "cnn"]] * 2}, "pairs: ['vgg16', 'cnn'] is given more than once"),
        ({"pairs": [["../x", "cnn"]]}, "pairs.0: '../x' is not in teachers; allowed: resnet18, vgg16"),
        ({"pairs": "some"}, "pairs: should be 'all' or a list of [teacher, student] (it is 'some')"),
        ({"pairs": 3}, "pairs: should be 'all' or a list of [teacher, student] (it is 3)"),
        (
            {"dataset": {"name": "digits", "crop_area": [0.5, 0.2]}},
            "dataset.crop_area: the least share must be below the most",
        ),
        (
            {"dataset": {"name": "digits", "crop_area": [0, 1]}},
            "dataset.crop_area.0: should be greater than 0",
        ),
        (
            {"dataset": {"name": "digits", "crop_area": [0.1, 1], "pad": 2}},
            "dataset.pad: goes with padded crops, crop_area with resized ones; leave one out",
        ),
        (
            {"dataset": {"name": "digits", "crop_area": [0.1, 1]}, "targets": "cached"},
            "targets: 'cached' would store endless views, as dataset.crop_area makes them; allowed: auto, live",
        ),
        (
            {
                "dataset": {"name": "digits", "crop_area": [0.1, 1]},
                "teachers": {"mine": {"logits": "x.npz"}},
                "pairs": "all",
            },
            "teachers.mine.logits: no logits could be stored of endless views",
        ),
        ({"dataset": {"name": "digits", "pad": 100}}, "dataset.pad: should be less than or equal to 32"),
        (
            {"methods": {"kd": {"temperature": 1e300}}},
            "methods.kd.temperature: should be less than or equal to 1000000",
        ),
        (
            {"methods": {"kd": {"ce_weight": 0, "kd_weight": 0}}},
            "methods.kd: ce_weight and kd_weight are both 0, so nothing would be learnt; one of them must be above 0",
        ),
        (
            {"recipe": {"epochs": 10**30}},
            "recipe.epochs: should be less than or equal to 1000000 (it is 1000",
        ),
        ({"recipe": {"gamma": 0.5}}, "recipe: gamma goes with schedule: multi_step, not with cosine"),
        ({"pairs": []}, "pairs: should be 'all' or a list of [teacher, student] (it is [])"),
        (
            {"pairs": [["vgg16"]]},
            "pairs: should be 'all' or a list of [teacher, student] (it is [['vgg16']])",
        ),
        ({"seeds": [1, 1]}, "seeds: 1 is given more than once"),
        ({"seeds": [0, 1, 0.0]}, "seeds: 0 is given more than once"),
        ({"seeds": [-1]}, "seeds.0: should be greater than or equal to 0 (it is -1)"),
        ({"seeds": 3}, "seeds: should be a list (it is 3)"),
        ({"students": {}}, "students: needs at least one entry"),
        ({"students": {"a/b": {"architecture": "cnn"}}}, "students.a/b: a name holds letters, digits"),
        ({"students": {"$(id)": {"architecture": "cnn"}}}, "students.$(id): a name holds letters"),
        # What cannot be read on one line is escaped, what is long is cut, and a lookalike is told apart.
        ({"students": {"a\nb\0": {}}}, r"students.'a\nb\x00': a name holds letters"),
        ({"students": {"": {"architecture": "cnn"}}}, "students.'': a name holds letters"),
        ({"students": {"x" * 300: {}}}, f"students.'{'x' * 60}...: should have at most 64 characters (it is"),
        (
            {"study": "c\N{CYRILLIC SMALL LETTER EN}n"},
            r"study: a name holds letters, digits, '_' and '-' of ASCII, and starts with a letter or digit (it is 'c\u043dn')",
        ),
        ({"students": {"cnn": {"seed": 1}}}, "students.cnn.seed: unknown key"),
        (
            {"students": {"thin": {"architecture": {}}}},
            "students.thin.architecture: should be a valid string (it is {})",
        ),
        (
            {"students": {"cnn": {"channels": [0]}}},
            "students.cnn.channels.0: should be greater than or equal to 1",
        ),
        ({"students": {"cnn": {"channels": []}}}, "students.cnn.channels: needs at least one entry"),
        (
            {"teachers": {"vgg16": {"architecture": "vgg"}}},
            "teachers.vgg16.architecture: there is no architecture 'vgg'",
        ),
        (
            {"teachers": {"vgg16": {"milestones": [3]}}},
            "teachers.vgg16: milestones go with schedule: multi_step",
        ),
        (
            {"teachers": {"vgg16": {"width": True}}},
            "teachers.vgg16.width: should be a number, not true or false",
        ),
        ({"teachers": {18: {}}}, "teachers.18: should be a valid string (it is 18)"),
        ({"recipe": {"schedule": "multi_step"}}, "recipe: schedule multi_step needs milestones"),
        ({"recipe": {"lr": float("inf")}}, "recipe.lr: should be a finite number (it is inf)"),
        ({"targets": "cache"}, "targets: should be 'auto', 'cached' or 'live' (it is 'cache')"),
        (
            {"compute": {"device": "tpu"}},
            "compute.device: should be 'auto', 'cuda', 'mps' or 'cpu' (it is 'tpu')",
        ),
        (
            {"diagnostics": {"worst": -1}},
            "diagnostics.worst: should be greater than or equal to 0 (it is -1)",
        ),
        (
            {"diagnostics": {"worst": 201}},
            "diagnostics.worst: should be less than or equal to 200 (it is 201)",
        ),
        (
            {"diagnostics": {"temperatures": []}},
            "diagnostics.temperatures: needs at least one entry (it is [])",
        ),
        (
            {"diagnostics": {"temperatures": [1, 2, 3, 4, 5, 6, 7]}},
            "diagnostics.temperatures: should have at most 6 entries (it is [1, 2, 3, 4, 5, 6, 7])",
        ),
        (
            {"compute": {"gpus": 1}},
            "compute.gpus: unknown key; allowed: checkpoint_seconds, compile, cuda_graphs, deterministic, device, precision, slots_per_device, stream, threads",
        ),
    ],
)
def test_a_mistake_names_its_key_and_what_is_allowed(changes, line):
    lines = complaints(**changes)
    assert [found for found in lines if found.startswith(line)], lines
    assert len(lines) == 1, lines


@pytest.mark.parametrize("key", ["study", "dataset", "teachers", "students", "methods", "seeds"])
def test_required_keys(key):
    broken = config()
    del broken[key]
    with pytest.raises(UserError, match=rf"(?m)^{key}: this key is required$"):
        load_study(broken)


def test_a_key_that_stands_twice_is_refused(tmp_path):
    file = tmp_path / "study.yaml"
    file.write_text(
        "study: a\nmethods:\n  kd: {}\n  other: {method: kd, temperature: 3}\n  kd: {temperature: 5}\n"
    )
    with pytest.raises(UserError, match=r"study\.yaml, line 5: the key 'kd' is there twice"):
        refuse_repeated_keys([str(file)])
    file.write_text('{\n\t"study": "a",\n\t"seeds": [0]\n}')  # JSON is allowed too
    refuse_repeated_keys([str(file)])
    refuse_repeated_keys([str(path) for path in CONFIGS])


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_the_shipped_configs_are_valid(path, tmp_path):
    content = yaml.safe_load(path.read_text())
    assert load_study(content).name


def test_checking_a_config_does_not_import_torch():
    """It would cost seconds at every call of Snakemake."""
    code = (
        "import sys, yaml; from kd.config.load import load_study; "
        f"load_study(yaml.safe_load(open({str(CONFIGS[0])!r}))); "
        "sys.exit(any(name in sys.modules for name in ('torch', 'numpy', 'pandas')))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT / "workflow" / "scripts", check=True)


def test_the_schema_file_is_that_of_the_models():
    """Run `make schema` after a change of the models."""
    assert (ROOT / "config" / "schema.json").read_text() == json_schema()


def test_editors_see_the_bounds_and_the_shipped_configs_pass():
    """A bound that pydantic cannot translate would appear under its own name, which no editor knows."""
    import jsonschema

    schema = json.loads(json_schema())
    validator = jsonschema.Draft202012Validator(schema)
    for bound in ("ge", "gt", "le", "lt"):
        assert f'"{bound}":' not in json_schema()
    for path in CONFIGS:
        validator.validate(json.loads(json.dumps(_as_json(yaml.safe_load(path.read_text())))))
    for wrong in (
        {"seeds": []},
        {"study": "a/b"},
        {"recipe": {"epochs": 0}},
        {"colour": 1},
        {"recipe": {"momentum": 1}},
    ):
        assert not validator.is_valid(_as_json(config(**wrong))), wrong


def _as_json(content):
    """YAML 1.1 as Python reads it takes 5e-4 for text; editors read YAML 1.2, where it is a number."""
    if isinstance(content, dict):
        return {key: _as_json(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_as_json(value) for value in content]
    return 5e-4 if content == "5e-4" else content


def test_every_key_of_the_default_config_is_commented_and_every_key_there_is_appears():
    """A key counts as commented if its own line, or the comment lines right above, say something."""
    text = (ROOT / "config" / "config.yaml").read_text()
    models = (StudyFile, DatasetEntry, TeacherEntry, MethodEntry, SweepEntry, Range, Compute)
    for model in models:
        for key in model.model_fields:
            assert f"{key}:" in text, f"{key} of {model.__name__} is not mentioned in config/config.yaml"
    lines = text.splitlines()
    for number, line in enumerate(lines):
        key = line.split("#")[0].strip()
        if key.endswith(":") or ": " in key:
            above = lines[number - 1].strip() if number else ""
            assert "#" in line or above.startswith("#"), f"no comment: {line!r}"


def test_methods_add_up_under_one_name():
    study = load_study(config(methods={"both": {"cross_entropy": None, "kd": {"temperature": 2}}}))
    (plain, none), (kd, options) = study.methods["both"].parts
    assert (kd, options["temperature"], plain, none) == ("kd", 2, "cross_entropy", {})
    assert study.methods["both"].of_teacher == {"logits"}
    assert study.uses_targets("both")


@pytest.mark.parametrize(
    ("methods", "line"),
    [
        ({"both": {"kd": {}, "kdd": {}}}, "methods.both.kdd: there is no method 'kdd'; did you mean 'kd'?"),
        (
            {"both": {"kd": {"temperatur": 1}}},
            "methods.both.kd.temperatur: unknown key; did you mean 'temper",
        ),
        (
            {"both": {"cross_entropy": {}, "kd": {"ce_weight": 0, "kd_weight": 0}}},
            "methods.both.kd: ce_weight and kd_weight are both 0",
        ),
        ({"two": {"kd": {}, "hot": {"method": "kd"}}}, "methods.two: kd is there more than once"),
        (
            {"two": {"kd": {}, "label_smoothing": {}}},
            "methods.two.label_smoothing: is a cross-entropy and noth",
        ),
        (
            {"two": {"fitnet": {"init_epochs": 3}, "ab": {"init_epochs": 2}}},
            "methods.two: init_epochs differ (fitnet 3, ab 2); in a sum they must be equal, or 0",
        ),
        (
            {"multi_head": {}},
            "methods.multi_head: needs an ensemble among the teachers, and no pair has that",
        ),
        (
            {"q": {"multi_head": {}, "at": {}}},
            "methods.q: needs stages and an ensemble, which has none, at once",
        ),
        (
            {"dkd": {"ce_weight": 0, "tckd_weight": 0, "nckd_weight": 0}},
            "methods.dkd: ce_weight and tckd_weight",
        ),
        ({"simkd": {"weight": 0}}, "methods.simkd: weight is 0, so nothing would be learnt"),
    ],
)
def test_a_mistake_in_one_of_several_methods_is_found(methods, line):
    (found,) = complaints(methods=methods)
    assert found.startswith(line)


def test_what_needs_no_teacher_is_trained_once_for_each_student():
    students = {"cnn": {"width": 0.125}, "thin": {"architecture": "cnn", "channels": [4]}}
    study = load_study(config(students=students, methods={"kd": {}, "cross_entropy": {}}))
    assert len(study.pairs_of("kd")) == 4
    assert study.pairs_of("cross_entropy") == (("_none", "cnn"), ("_none", "thin"))
    assert not study.uses_targets("cross_entropy")
    from kd.plan.training import distill_job

    job = distill_job(study, "_none", "thin", "cross_entropy", 1)
    assert (job.teacher, job.role, job.methods) == ("(none)", "distilled", [("cross_entropy", {})])
