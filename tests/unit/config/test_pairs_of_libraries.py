"""Pairs that a method cannot serve, known by the names of torchvision's and timm's networks before anything runs."""

import pytest
from library_networks import build
from small_config import complaints, config

from kd.config.load import load_study
from kd.config.study.warnings import unsupported
from kd.distillation.activations import has_relu
from kd.errors import UserError
from kd.models.libraries.lacking import lacking

VIT = {"architecture": "torchvision/vit_b_32", "input_size": 32}


def test_a_pair_that_a_method_cannot_serve_is_left_out_with_a_line():
    study = load_study(
        config(teachers={"vit": VIT, "resnet18": {}}, methods={"ab": {}, "simkd": {}, "srrl": {}, "kd": {}})
    )
    assert study.pairs_of("ab") == study.pairs_of("simkd") == (("resnet18", "cnn"),)
    assert study.pairs_of("srrl") == study.pairs_of("kd") == (("vit", "cnn"), ("resnet18", "cnn"))
    assert unsupported(study) == [
        "not run with teachers.vit, which has GELU and no ReLU: ab",
        "not run with teachers.vit, whose classifier reads a class token: simkd",
    ]


def test_what_a_student_of_a_library_may_lack():
    students = {"cnn": {}, "vit": VIT, "small": {"architecture": "torchvision/resnet18"}}
    study = load_study(config(students=students, methods={"simkd": {}, "norm": {}, "fcfd": {}}))
    assert {student for _, student in study.pairs_of("simkd")} == {"cnn", "vit", "small"}
    for method in ("norm", "fcfd"):
        assert {student for _, student in study.pairs_of(method)} == {"cnn", "small"}
    assert unsupported(study) == [
        "not run with students.vit, whose classifier reads a class token: norm",
        "not run with students.vit, whose later stages take a class token: fcfd",
    ]


def test_a_method_that_can_serve_no_pair_is_an_error():
    (line,) = complaints(teachers={"vit": VIT}, methods={"ofd": {}})
    assert line.startswith(
        "methods.ofd: cannot run with any pair: not with teachers.vit, which has GELU and no ReLU"
    )


def test_a_sum_asks_what_its_parts_ask():
    (line,) = complaints(teachers={"vit": VIT}, methods={"both": {"kd": {}, "ofd": {}}})
    assert line.startswith("methods.both: cannot run with any pair")


EXAMPLES = [
    "torchvision/vit_b_32",
    "torchvision/swin_t",
    "torchvision/convnext_tiny",
    "torchvision/resnet18",
    "timm/vit_tiny_patch16_224",
    "timm/deit_tiny_patch16_224",
    "timm/deit_tiny_distilled_patch16_224",
    "timm/cait_xxs24_224",
    "timm/xcit_nano_12_p16_224",
    "timm/convit_tiny",
    "timm/mixer_s32_224",
    "timm/resmlp_12_224",
    "timm/swin_tiny_patch4_window7_224",
    "timm/levit_128s",
    "timm/resnet18",
]


@pytest.mark.full
@pytest.mark.parametrize("name", EXAMPLES)
def test_what_the_names_tell_is_true(name):
    if name.startswith("timm"):
        pytest.importorskip("timm", reason="timm is optional: envs/requirements-timm.txt")
    network = build(name, **({"input_size": 64} if name == "torchvision/vit_b_32" else {})).eval()
    lacks = set(lacking(name))
    lacked = set() if has_relu(network) else {"relu"}
    lacked |= {"entry"} if network.why_not_entered(range(len(network.stages) - 1)) else set()
    try:
        _ = network.classifier
        lacked |= set() if network.classifies_maps else {"maps"}
    except UserError:
        lacked |= {"classifier"}
        lacks -= {"maps"}  # which two classifiers read
    assert lacks <= lacked
