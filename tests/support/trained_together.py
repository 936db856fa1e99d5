"""Trainings of a network without batch norm, to be run by one process and by several."""

import torch
from small_training import split
from torch import nn

from kd.distillation.base import Context
from kd.distillation.combined import build_method
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


def course(name, **more):
    """Train; returns the history, and all weights."""
    method, options, recipe = TRAININGS[name]
    student, teacher, method = Net(0), Net(1), build_method(method, options)
    torch.manual_seed(2)
    train, validation = split(30), split(5, 1)
    method.prepare(Context(student, teacher, (1, 8, 8), 3, train.labels, recipe.epochs))
    live = LiveTeacher(teacher, stages="stages" in method.NEEDS) if method.NEEDS else None
    training = fit(student, method, train, validation, recipe, seed=5, teacher=live, **more)
    return training.history, student.state_dict()


def courses(folder, names, ranks, device):
    """Of several ranks: what the last one has come to."""
    for name in names:
        history, weights = course(name, ranks=ranks)
        if ranks.rank == ranks.count - 1:
            torch.save((history, weights), f"{folder}/{name}.pt")
