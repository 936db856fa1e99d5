"""SimKD, NORM and FCFD with networks of libraries: trained, cut off, saved, loaded and exported."""

# ruff: noqa: F811 (fixtures of another file, which pytest asks for by name)

import copy
from functools import cache

import numpy as np
import onnxruntime
import pytest
import torch
from library_networks import build
from parts import real_batch
from small_jobs import dataset, job, run, teacher  # noqa: F401 (fixtures)
from small_training import StopsAfter, split
from tiers import sample
from token_networks import CLASSES, SIDE, tiny
from torchvision import models

from kd.data.augmentation import Augmentation
from kd.data.dataset import read_dataset
from kd.data.views import Split, ViewedImages
from kd.distillation.base import Context
from kd.distillation.combined import build_method, build_methods
from kd.errors import UserError
from kd.evaluation.metrics import evaluate
from kd.export.fresh import fresh_network
from kd.export.onnx_file import write_program
from kd.export.program import WithNormalisation, program_of
from kd.networks.checkpoint import load_network
from kd.networks.factory import build_network
from kd.networks.size import count_parameters
from kd.runtime.signals import Stopped, StopSignal
from kd.settings.recipe import Recipe
from kd.teachers.teacher import LiveTeacher
from kd.training.checkpoints import Checkpoints
from kd.training.engine import fit

pytestmark = pytest.mark.usefixtures("one_thread")
CPU = torch.device("cpu")
SMALL = "torchvision/shufflenet_v2_x0_5"
LABELS = torch.tensor([0, 3, 5, 0])
RECIPE = Recipe(epochs=2, batch_size=8, lr=0.05)


def cnn():
    torch.manual_seed(1)
    return build_network("cnn", {"channels": (6, 8, 10)}, 3, CLASSES).eval().requires_grad_(False)


# --- One step.

WITHOUT = {  # parameters that no loss is for, by their first names
    "simkd": {"head.classifier"},
    "norm": set(),
    "fcfd": set(),
}


@pytest.mark.parametrize(
    ("name", "kind"),
    sample(
        [(name, kind) for name in WITHOUT for kind in (SMALL, "swin", "mixer", "timm/resnet18")],
        [("simkd", SMALL), ("norm", SMALL), ("fcfd", SMALL)],
    ),
)
def test_all_of_the_student_learns(name, kind):
    student = build(kind, stem="cifar") if "/" in kind else tiny(kind)
    torch.nn.init.normal_(student.network.get_submodule(student._last).weight)  # some begin as zeros
    taught_by, images = cnn(), torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    method = build_method(name, {})
    method.prepare(Context(student.train(), taught_by, (3, 32, 32), CLASSES, LABELS, 3))
    terms = method.losses(real_batch(student, taught_by, images, LABELS))
    sum(terms.values()).backward()
    without = {key for key, parameter in student.named_parameters() if parameter.grad is None}
    assert {key.rpartition(".")[0] for key in without} == WITHOUT[name]
    assert all(parameter.grad is not None for parameter in method.parameters())


def through(network, number, maps):
    """The later blocks of torchvision's ResNet, one after the other."""
    inside, made = network.network, {}
    for later in range(number + 1, 4):
        maps = made[later] = getattr(inside, f"layer{later + 1}")(maps)
    return made, inside.fc(maps.mean(dim=(2, 3)))


def test_mixed_paths_of_two_resnets_of_torchvision():
    """The first mixed path and the last, layer by layer, at temperature 1."""
    student = build("torchvision/resnet18", stem="cifar").train()
    taught_by = build("torchvision/resnet18", stem="cifar").eval().requires_grad_(False)
    method = build_method("fcfd", {"temperature": 1.0, "mixed_weight": 3.0})
    method.prepare(Context(student, taught_by, (3, 16, 16), 7, LABELS, 3))
    images = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    before = copy.deepcopy(student.state_dict())
    terms = method.losses(real_batch(student, taught_by, images, LABELS))
    by_hand = copy.deepcopy(student)
    by_hand.load_state_dict(before)
    bridges = copy.deepcopy(method)
    with torch.no_grad():
        stages, _ = by_hand.forward_stages(images)
        expected, target = taught_by.forward_stages(images)
        p = target.softmax(1)
        total = 0.0
        for number in range(3):
            _, there = through(taught_by, number, bridges.bridges[number](stages[number]))
            _, here = through(by_hand, number, bridges.back[number](expected[number]))
            total += sum((p * (p.log() - end.log_softmax(1))).sum(1).mean() for end in (there, here))
    assert terms["mixed"].item() == pytest.approx(3 * total.item() / 3, rel=1e-4)
    counted = {key: value for key, value in student.state_dict().items() if "num_batches" in key}
    assert len(counted) == 20
    running = [key for key in before if "running_mean" in key]
    for key in running:  # once of the step's own images, and nothing of mixed paths
        assert torch.equal(student.state_dict()[key], by_hand_once(before, student, images)[key])


@cache
def _once():
    return {}


def by_hand_once(before, student, images):
    """The state of the student after one run of its images in train mode."""
    if not _once():
        one = copy.deepcopy(student)
        one.load_state_dict(before)
        with torch.no_grad():
            one.train()(images)
        _once().update(one.state_dict())
    return _once()
