"""Trainings of a network without batch norm, to be run by one process and by several."""

import json
from pathlib import Path

import pytest
import torch
from small_training import network, split
from torch import nn

from kd.distillation.base import Context
from kd.distillation.combined import build_method
from kd.errors import UserError
from kd.networks.ensemble import Ensemble
from kd.networks.synchronised import with_synchronised_norms
from kd.registry import find_method
from kd.settings.recipe import Recipe
from kd.teachers.teacher import LiveTeacher
from kd.training.engine import fit

PLAIN = Recipe(epochs=2, batch_size=8, lr=0.05)
# By name: method, its options, recipe.
TRAININGS = {
    "cross_entropy": ("cross_entropy", {}, PLAIN),
    "kd": ("kd", {}, PLAIN),
    "preliminary": ("fsp", {"init_epochs": 1}, PLAIN),
    "ema": ("cross_entropy", {}, Recipe(epochs=2, batch_size=8, lr=0.05, ema=0.9, grad_clip=0.5)),
}


class Net(nn.Module):
    """Two stages, of which the second is not used by all methods alike, and a layer that nothing uses."""

    def __init__(self, seed):
        super().__init__()
        torch.manual_seed(seed)
        self.first, self.second = nn.Conv2d(1, 4, 3, 2, 1), nn.Conv2d(4, 6, 3, 2, 1)
        self.norms = nn.ModuleList([nn.GroupNorm(2, 4), nn.GroupNorm(2, 6)])
        self.classifier, self.idle = nn.Linear(6, 3), nn.Linear(2, 2)

    def forward_stages(self, images):
        first = self.norms[0](self.first(images)).relu()
        second = self.norms[1](self.second(first)).relu()
        return [first, second], self.classifier(second.mean((2, 3)))

    def forward(self, images):
        return self.forward_stages(images)[1]


def course(name, device="cpu", **more):
    """Train; returns the history, and all weights."""
    method, options, recipe = TRAININGS[name]
    student, teacher, method = Net(0).to(device), Net(1).to(device), build_method(method, options)
    torch.manual_seed(2)
    train, validation = split(30, device=device), split(5, 1, device)
    method.prepare(Context(student, teacher, (1, 8, 8), 3, train.labels, recipe.epochs))
    method.to(device)
    live = LiveTeacher(teacher, stages="stages" in method.NEEDS) if method.NEEDS else None
    training = fit(student, method, train, validation, recipe, seed=5, teacher=live, **more)
    return training.history, student.state_dict()


def courses(folder, names, ranks, device):
    """Of several ranks: what the last one has come to."""
    for name in names:
        history, weights = course(name, device, ranks=ranks)
        if ranks.rank == ranks.count - 1:
            torch.save((history, weights), f"{folder}/{name}.pt")


def every_method(folder, names, ranks, device):
    """Train by each: whether the ranks' weights are finite in the end and the same, or the error."""
    outcomes = {}
    for name in names:
        options = find_method(name).options.model_fields
        settings = {"init_epochs": 1} if "init_epochs" in options else {}
        settings |= {"batch_size": 8} if "batch_size" in options else {}
        # Regions need last maps of more than one pixel.
        build = Net if name.startswith("sd_") else network
        method, student, teacher = build_method(name, settings), build(0), build(1)
        train = split(24)
        try:
            known = (1, 8, 8), 3, train.labels, 1, 2
            logits = torch.randn(24, 3, generator=torch.Generator().manual_seed(4))
            of_teacher = {"new_teacher": lambda: network(3), "teacher_logits": lambda logits=logits: logits}
            method.prepare(Context(student, teacher, *known, batch_size=8, **of_teacher))
        except UserError as error:
            outcomes[name] = str(error)
            continue
        both = Ensemble([teacher, network(2)], (1.0, 1.0))
        live = LiveTeacher(both if "members" in method.NEEDS else teacher, stages="stages" in method.NEEDS)
        recipe = Recipe(epochs=1, batch_size=8, lr=0.01)
        fit(student, method, train, split(5, 1), recipe, seed=5, teacher=live, ranks=ranks)
        # Without buffers, which the others get before their next step.
        learnt = [*student.parameters(), *method.parameters()]
        weights = torch.cat([parameter.detach().flatten() for parameter in learnt])
        rows = ranks.gathered(weights[None], ranks.count)
        outcomes[name] = [bool(rows.isfinite().all()), bool((rows == rows[0]).all())]
    if ranks.first:
        Path(folder, "methods.json").write_text(json.dumps(outcomes))


def normalised(folder, synchronised, ranks, device):
    """Of a network with batch norm: the history."""
    model = network().to(device)
    if synchronised:
        model = with_synchronised_norms(model)
    data = split(30, device=device), split(5, 1, device)
    training = fit(model, build_method("cross_entropy", {}).to(device), *data, PLAIN, seed=5, ranks=ranks)
    if ranks.first:
        torch.save(training.history, f"{folder}/normalised.pt")


TIMES = {"seconds", "images_per_second"}


def assert_alike(folder, name, device="cpu"):
    """Losses within 1e-5 of one process, relatively, and so the weights."""
    history, weights = torch.load(folder / f"{name}.pt", map_location=device)
    plain, expected = course(name, device)
    assert len(history) == len(plain)
    for row, by_one in zip(history, plain, strict=True):
        assert row.keys() == by_one.keys()
        for key in row.keys() - TIMES:
            assert row[key] == pytest.approx(by_one[key], rel=1e-5), key
    for key, weight in weights.items():
        assert torch.allclose(weight, expected[key], rtol=1e-4, atol=1e-6), key
