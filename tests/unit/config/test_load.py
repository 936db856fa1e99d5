"""Configs: what is taken, and that every mistake is reported at once, by its key, with what is allowed."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from small_config import complaints, config

from kd.config.load import load_config, load_study, refuse_repeated_keys
from kd.config.study.warnings import warnings
from kd.errors import UserError

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
    assert study.uses_targets("kd", "resnet18")


def test_a_list_of_pairs():
    assert load_study(config(pairs=[["vgg16", "cnn"]])).pairs == (("vgg16", "cnn"),)


def test_live_targets_are_not_cached():
    assert not load_study(config(targets="live")).uses_targets("kd", "resnet18")


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
            {"pairs": [["vgg", "cnn"]]},
            "pairs.0: 'vgg' is not in teachers; did you mean 'vgg16'?; allowed: resnet18, vgg16",
        ),
        ({"pairs": [["vgg16", "cnn"]] * 2}, "pairs: ['vgg16', 'cnn'] is repeated"),
        ({"pairs": [["../x", "cnn"]]}, "pairs.0: '../x' is not in teachers; allowed: resnet18, vgg16"),
        ({"pairs": "some"}, "pairs: should be 'all' or a list of [teacher, student] (it is 'some')"),
        ({"pairs": 3}, "pairs: should be 'all' or a list of [teacher, student] (it is 3)"),
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
        ({"seeds": [1, 1]}, "seeds: 1 is repeated"),
        ({"seeds": [0, 1, 0.0]}, "seeds: 0 is repeated"),
        ({"seeds": [-1]}, "seeds.0: should be greater than or equal to 0 (it is -1)"),
        ({"seeds": "3"}, "seeds: should be a list (it is '3')"),
        ({"seeds": 0}, "seeds: a number of seeds should be 1 to 20, and stands for 0, 1, 2, …; write [0]"),
        ({"seeds": 42}, "seeds: a number of seeds should be 1 to 20, and stands for 0, 1, 2, …; write [42]"),
        ({"seeds": True}, "seeds: should be a list (it is True)"),
        (
            {"study": "c\N{CYRILLIC SMALL LETTER EN}n"},
            r"study: a name holds letters, digits, '_' and '-' of ASCII, and starts with a letter or digit (it is 'c\u043dn')",
        ),
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
            "compute.gpus: unknown key; allowed: checkpoint_seconds, compile, cuda_graphs, deterministic, device, gpus_per_job, precision, slots_per_device, stream, sync_batch_norm, threads",
        ),
    ],
)
def test_a_mistake_names_its_key_and_what_is_allowed(changes, line):
    lines = complaints(**changes)
    assert [text for text in lines if text.startswith(line)], lines
    assert len(lines) == 1, lines


@pytest.mark.parametrize("content", [None, [], 3])
def test_a_config_is_a_mapping(content):
    with pytest.raises(UserError, match=r"^config: should be a mapping of keys to values \(it is "):
        load_study(content)


def test_mistakes_of_sections_that_refer_to_each_other_are_reported_together():
    """What a section refers to may be wrong itself, and what is right of it still counts."""
    lines = complaints(
        dataset={"name": "digts"},
        teachers={"vgg16": {"widht": 1}, "mine": {"logits": "mine.npz"}},
        pairs=[["vgg16"], ["vgg61", "cnn"], ["mine", "cnn"]],
        methods={"kd": {"via": ["cnnn"]}, "at": {"weight": -1}},
        sweep={"tuned": {"method": "kd", "over": {"temperature": [0, -1], "recipe.lr": [0]}}},
        seeds=[1, 1, -1],
        targets="live",
    )
    assert sorted(line.partition(": ")[0] for line in lines) == [
        "dataset.name",
        "methods.at.weight",
        "methods.kd.via",
        "pairs",
        "pairs.1",  # its place in the list, although the first is no pair
        "seeds",
        "seeds.2",
        "sweep.tuned.over.recipe.lr",
        "sweep.tuned.over.temperature",
        "targets",
        "teachers.vgg16.widht",
    ]


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


@pytest.mark.parametrize(("number", "value"), [("010", 8), ("-017", -15), ("1:30", 90), ("1:30.5", 90.5)])
def test_numbers_of_another_base_are_refused(tmp_path, number, value):
    """YAML 1.1 takes them without a word; the list below has numbers and texts that are what they seem."""
    file = tmp_path / "study.yaml"
    file.write_text(f"a: [0, 10, 0.5, 1e-3, '010', \"1:30\", 0x10, 08x]\nseeds: [{number}]\n")
    with pytest.raises(UserError, match=rf"study\.yaml, line 2: {number} is {value} to YAML"):
        refuse_repeated_keys([file])


def test_names_that_yaml_makes_something_else_of_are_named():
    students = yaml.safe_load("{no: {architecture: cnn}, 1: {architecture: cnn}, cnn: {}}")
    assert complaints(students=students) == [
        "students.False: should be a valid string; without quotes YAML reads yes, no, on, off, true and false as"
        " booleans (it is False)",
        "students.1: should be a valid string; put it in quotes (it is 1)",
    ]


def test_keys_that_are_a_place_for_anchors_are_no_part_of_a_study():
    text = """
        .wide: &wide {width: 0.25, lr: 0.05}
        x-seeds: &seeds [0, 1]
        students: {cnn: {<<: *wide}}
        seeds: *seeds
    """
    study = load_study(config(**yaml.safe_load(text)))
    assert study.students["cnn"].options["width"] == 0.25
    assert study.seeds == (0, 1)
    (complaint,) = complaints(X=1)
    assert complaint.startswith("X: unknown key")


def test_a_config_and_its_file_are_checked_together(tmp_path):
    file = tmp_path / "study.yaml"
    file.write_text(yaml.safe_dump(config()))
    assert load_config(config(), [str(file)]) == load_study(config())
    file.write_text(f"{file.read_text()}seeds: [5]\n")
    with pytest.raises(UserError, match="the key 'seeds' is there twice"):
        load_config(config(), [str(file)])


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


def test_synchronised_batch_norm_of_one_gpu_is_said_to_do_nothing():
    lines = {
        count: warnings(load_study(config(compute={"sync_batch_norm": True, "gpus_per_job": count})))
        for count in (1, 2)
    }
    assert lines == {1: ["compute.sync_batch_norm: has no effect with gpus_per_job: 1"], 2: []}
