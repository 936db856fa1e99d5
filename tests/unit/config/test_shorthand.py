"""Short forms of a config are what their full forms are."""

import pytest
from small_config import complaints, config

from kd.config.load import load_study

TWO = {"resnet18": {}, "vgg16": {}}


@pytest.mark.parametrize(
    ("key", "short", "full"),
    [
        ("methods", ["kd", "dkd"], {"kd": {}, "dkd": {}}),
        ("methods", "kd", {"kd": {}}),
        ("methods", ["dkd", {"kd": {"temperature": 8}}], {"dkd": {}, "kd": {"temperature": 8}}),
        (
            "methods",
            [{"hot": {"method": "kd", "temperature": 8}}],
            {"hot": {"method": "kd", "temperature": 8}},
        ),
        ("teachers", ["resnet18", "vgg16"], TWO),
        ("teachers", "resnet18", {"resnet18": {}}),
        (
            "students",
            [{"thin": {"architecture": "cnn"}}, "resnet8"],
            {"thin": {"architecture": "cnn"}, "resnet8": {}},
        ),
        ("students", [{"cnn": None}], {"cnn": {}}),
        ("dataset", "cifar100", {"name": "cifar100"}),
        ("seeds", 3, [0, 1, 2]),
        ("seeds", 1, [0]),
        ("pairs", {"vgg16": "cnn"}, [["vgg16", "cnn"]]),
        ("pairs", {"vgg16": ["cnn"], "resnet18": "cnn"}, [["vgg16", "cnn"], ["resnet18", "cnn"]]),
    ],
)
def test_a_short_form_is_its_full_form(key, short, full):
    assert load_study(config(**{key: short})) == load_study(config(**{key: full}))


@pytest.mark.parametrize("schedule", ["step", "multistep"])
def test_a_schedule_by_its_other_name(schedule):
    steps = {"milestones": [10, 15]}
    study = load_study(config(recipe={"epochs": 20, "schedule": schedule, **steps}))
    assert study == load_study(config(recipe={"epochs": 20, "schedule": "multi_step", **steps}))
    one = load_study(config(students={"cnn": {"schedule": schedule, **steps}})).students["cnn"]
    assert one.recipe.schedule == "multi_step"  # and so what a job gets


def test_seeds_of_a_sweep_may_be_a_number():
    sweep = {"tuned": {"method": "kd", "over": {"temperature": [2, 4]}}}
    short, full = (
        load_study(config(sweep={"tuned": {**sweep["tuned"], "seeds": seeds}})) for seeds in (2, [0, 1])
    )
    assert short.sweeps["tuned"] == full.sweeps["tuned"]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"methods": ["kd", "kd"]}, "methods: kd is repeated; list it once, or give each a name of its own"),
        ({"methods": ["kd", 3]}, "methods.1: should be a name, or {name: options} (it is 3)"),
        ({"methods": [{"kd": {}, "dkd": {}}]}, "methods.0: should be a name, or {name: options} (it is {"),
        ({"methods": []}, "methods: needs at least one entry"),
        ({"methods": ["DKD"]}, "methods.DKD: there is no method 'DKD'; did you mean 'dkd'?; allowed: "),
        ({"methods": [{"kd": {"temprature": 4}}]}, "methods.kd.temprature: unknown key; did you mean 'temp"),
        (
            {"teachers": ["WRN-40-2"]},
            "teachers.WRN-40-2: there is no architecture 'WRN-40-2'; did you mean 'wrn_40_2'",
        ),
        ({"pairs": {"cnn": "vgg16"}}, "pairs.0: 'cnn' is not in teachers; allowed: "),
        ({"pairs": {"vgg16": {"cnn": 1}}}, "pairs: should be 'all' or a list of [teacher, student]"),
        ({"pairs": {}}, "pairs: should be 'all' or a list of [teacher, student]"),
    ],
)
def test_a_mistake_in_a_short_form_is_at_its_place(changes, line):
    lines = complaints(**changes)
    assert lines[0].startswith(line), lines
    assert len(lines) == 1 or "pairs" in changes
