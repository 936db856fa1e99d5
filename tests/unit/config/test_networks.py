"""The sections `teachers:` and `students:` of a config, and what is refused there."""

import pytest
from small_config import complaints, config

from kd.config.load import load_study
from kd.config.study.warnings import warnings
from kd.models.libraries import names as libraries
from kd.settings.recipe import Recipe


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
        ({"students": {}}, "students: needs at least one entry"),
        ({"students": {"a/b": {"architecture": "cnn"}}}, "students.a/b: a name holds letters, digits"),
        ({"students": {"$(id)": {"architecture": "cnn"}}}, "students.$(id): a name holds letters"),
        # What cannot be read on one line is escaped, what is long is cut, and a lookalike is distinguished.
        ({"students": {"a\nb\0": {}}}, r"students.'a\nb\x00': a name holds letters"),
        ({"students": {"": {"architecture": "cnn"}}}, "students.'': a name holds letters"),
        ({"students": {"x" * 300: {}}}, f"students.'{'x' * 60}...: should have at most 64 characters (it is"),
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
        ({"teachers": {18: {}}}, "teachers.18: should be a valid string; put it in quotes (it is 18)"),
    ],
)
def test_a_mistake_names_its_key_and_what_is_allowed(changes, line):
    lines = complaints(**changes)
    assert [text for text in lines if text.startswith(line)], lines
    assert len(lines) == 1, lines


def test_a_mistake_in_a_network_is_reported_at_it_alone():
    """Whoever refers to it by its name, which is right, is not wrong as well."""
    (line,) = complaints(
        teachers={"resnet18": 3, "vgg16": {}, "both": {"ensemble": ["resnet18", "vgg16"]}},
        pairs=[["resnet18", "cnn"]],
        methods={"kd": {"via": ["resnet18"]}},
    )
    assert line == "teachers.resnet18: should be a mapping of keys to values (it is 3)"


@pytest.mark.parametrize(
    ("teacher", "allowed"),
    [
        ({"ensemble": ["resnet18", "vgg16"], "lr": -1}, "ensemble, weights"),
        ({"logits": "mine.npz", "lr": -1}, "logits"),
        (
            {"external": "mine.safetensors", "architecture": "cnn", "lr": -1},
            "architecture, channels, external, mean, std, width",
        ),
    ],
)
def test_what_is_not_trained_has_no_recipe(teacher, allowed):
    (line,) = complaints(teachers={"resnet18": {}, "vgg16": {}, "mine": teacher})
    assert line == f"teachers.mine.lr: unknown key; allowed: {allowed}"


@pytest.mark.parametrize("key", ["ensemble", "external", "logits"])
def test_a_key_without_its_value_trains_no_network_instead(key):
    (line,) = complaints(teachers={"resnet18": {key: None}})
    assert line == f"teachers.resnet18.{key}: has no value; set one, or leave this key out"


@pytest.mark.parametrize("key", ["pretrained", "input_size", "stem"])
@pytest.mark.parametrize(
    ("name", "place"),
    [("resnet50", "torchvision/resnet50"), ("cnn", "torchvision/resnet50"), ("vgg16", "torchvision/vgg16")],
)
def test_an_option_of_libraries_below_an_own_architecture_says_where_it_belongs(key, name, place):
    (line,) = complaints(students={name: {key: True}})
    assert line == (
        f"students.{name}.{key}: belongs to networks of torchvision and timm; set architecture: {place} beside it"
        f" ({name!r} is a network of this project)"
    )


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("mobilenet_v3", "architecture: torchvision/mobilenet_v3_large or torchvision/mobilenet_v3_small?"),
        ("VGG16-BN", "architecture: torchvision/vgg16_bn or timm/vgg16_bn?"),
        ("ViT_B_16", "architecture: torchvision/vit_b_16?"),
        ("MobileNet-V2", "'mobilenetv2'?"),
        ("resnt18", "'resnet18'?"),
    ],
)
def test_an_unknown_architecture_is_suggested_from_libraries_too(name, hint):
    (line,) = complaints(students={name: {}})
    assert line.startswith(
        f"students.{name}: there is no architecture {name!r}; did you mean {hint}; allowed: cnn, "
    )
    assert line.endswith(", torchvision/<name>")


def test_a_good_config_looks_into_no_library(monkeypatch):
    """It takes a second for timm, and is for errors alone."""
    monkeypatch.setattr(libraries, "names", None)
    assert load_study(config())


PRETRAINED = {"architecture": "torchvision/resnet18", "pretrained": True}


def test_pretrained_networks_are_fine_tuned_unless_the_study_says_how():
    bare = config(recipe={}, teachers={"big": PRETRAINED, "own": {"architecture": "resnet18"}})
    study = load_study(bare)
    assert study.teachers["big"].recipe == Recipe(epochs=30, batch_size=32, lr=0.01, weight_decay=1e-4)
    assert study.teachers["own"].recipe == study.students["cnn"].recipe == Recipe()
    study = load_study(bare | {"recipe": {"lr": 0.2}, "teachers": {"big": {**PRETRAINED, "epochs": 5}}})
    assert study.teachers["big"].recipe == Recipe(epochs=5, batch_size=32, lr=0.2, weight_decay=1e-4)
    assert warnings(study) == [
        "teachers.big: fine-tunes pretrained weights with lr 0.2, and rates above 0.05 usually undo them;"
        " set lr: 0.01 there"
    ]
    not_pretrained = load_study(bare | {"teachers": {"big": {**PRETRAINED, "pretrained": False}}})
    assert not_pretrained.teachers["big"].recipe == Recipe()


def test_a_network_with_another_optimizer_takes_none_of_the_keys_that_belong_to_the_studys():
    """The study sets lr, momentum and weight decay of SGD."""
    students = {
        "cnn": {"optimizer": "adamw"},
        "own": {"architecture": "cnn", "optimizer": "muon", "lr": 0.01},
    }
    study = load_study(config(students=students))
    shared = {"epochs": 20, "batch_size": 128}
    assert study.students["cnn"].recipe == Recipe(optimizer="adamw", **shared)
    assert study.students["own"].recipe == Recipe(optimizer="muon", lr=0.01, **shared)
    assert study.teachers["resnet18"].recipe == Recipe(**shared)


def test_a_network_with_the_studys_optimizer_takes_its_keys():
    recipe = {"optimizer": "adamw", "lr": 0.002, "ema": 0.99}
    study = load_study(config(recipe=recipe, students={"cnn": {"optimizer": "adamw", "weight_decay": 0.1}}))
    assert study.students["cnn"].recipe == Recipe(**recipe, weight_decay=0.1)
    assert study.teachers["vgg16"].recipe == Recipe(**{**recipe, "epochs": 30, "lr": 0.05})


def test_null_turns_off_for_a_network_what_the_study_has_on():
    off = {"ema": None, "grad_clip": None, "epochs": None}  # the last has no value that is none
    study = load_study(config(recipe={"epochs": 7, "ema": 0.9, "grad_clip": 1}, students={"cnn": off}))
    assert study.students["cnn"].recipe == Recipe(epochs=7)
    assert study.teachers["resnet18"].recipe == Recipe(epochs=7, ema=0.9, grad_clip=1)


def test_a_network_with_another_schedule_takes_no_milestones():
    recipe = {"epochs": 20, "schedule": "multi_step", "milestones": [10], "gamma": 0.5, "warmup_epochs": 2}
    students = {"cnn": {"schedule": "linear"}, "own": {"architecture": "cnn", "schedule": "one_cycle"}}
    study = load_study(config(recipe=recipe, students=students))
    assert study.students["cnn"].recipe == Recipe(epochs=20, schedule="linear", warmup_epochs=2)
    assert study.students["own"].recipe == Recipe(epochs=20, schedule="one_cycle")


def test_fine_tuning_with_adamw_has_a_learning_rate_of_its_own():
    teachers = {"big": {**PRETRAINED, "optimizer": "adamw"}}
    study = load_study(config(recipe={}, teachers=teachers))
    expected = {"epochs": 30, "batch_size": 32, "lr": 1e-4, "weight_decay": 0.05}
    assert study.teachers["big"].recipe == Recipe(optimizer="adamw", **expected)
    assert warnings(study) == []


@pytest.mark.parametrize(
    ("network", "line"),
    [
        (
            {**PRETRAINED, "optimizer": "adamw", "lr": 0.001},
            "fine-tunes pretrained weights with lr 0.001, and rates above 0.0005 usually undo them;"
            " set lr: 0.0001 there",
        ),
        (
            {"architecture": "cnn", "optimizer": "muon", "lr": 0.1},
            "lr 0.1 is for SGD; with muon usual rates are 0.0001 to 0.003",
        ),
        (
            {**PRETRAINED, "lr": 0.04, "lr_scaling": "linear", "batch_size": 512},
            "fine-tunes pretrained weights with lr 0.08, and rates above 0.05 usually undo them; set lr: 0.01"
            " there",
        ),
    ],
)
def test_a_rate_that_is_likely_too_high_gives_a_warning(network, line):
    assert warnings(load_study(config(recipe={}, teachers={"big": network}))) == [f"teachers.big: {line}"]


INCEPTION = {"architecture": "torchvision/inception_v3"}


@pytest.mark.parametrize(
    ("dataset", "options", "side"),
    [
        ({"name": "cifar10"}, {}, 32),
        ({"name": "image_folder", "path": "mine", "image_size": 64}, {}, 64),
        ({"name": "digits"}, {"input_size": 74}, 74),
    ],
)
def test_images_too_small_for_a_network_are_refused_before_anything_runs(dataset, options, side):
    (complaint,) = complaints(dataset=dataset, students={"small": INCEPTION | options})
    expected = (
        f"torchvision/inception_v3 cannot take images of {side}x{side} pixels; set input_size: 75 or more"
    )
    assert complaint == f"students.small: {expected}"


@pytest.mark.parametrize("options", [{"input_size": 75}, {"pretrained": True}])
def test_images_that_are_resized_are_taken(options):
    dataset = {"name": "cifar10"}
    assert load_study(config(dataset=dataset, students={"small": INCEPTION | options}))
