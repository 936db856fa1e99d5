"""Methods that own modules, prepared for networks that are specified by shapes only, or for real ones."""

import copy

import torch
from torch import nn

from kd.distillation.base import Context
from kd.distillation.batch import Batch, Output, outputs_of
from kd.distillation.combined import build_method
from kd.networks.factory import build_network

LABELS = torch.tensor([0, 2, 1, 1])
SMALL = [(3, 8, 8), (4, 4, 4), (5, 2, 2)], [(6, 8, 8), (4, 4, 4), (8, 2, 2)]  # a student's, a teacher's


class Shaped(nn.Module):
    """A network of nothing but the shapes of its stages and a classifier."""

    def __init__(self, shapes, classes=3):
        super().__init__()
        self.shapes, self.stages = shapes, nn.ModuleList()
        self.classifier = nn.Linear(shapes[-1][0], classes)

    def forward_stages(self, images):
        return [torch.zeros(len(images), *shape) for shape in self.shapes], None


def prepared(name, options=None, shapes=SMALL, labels=LABELS, seed=0, teacher=None):
    """The method in float64, in train mode."""
    torch.manual_seed(seed)
    method = build_method(name, options or {})
    networks = Shaped(shapes[0]), teacher or Shaped(shapes[1])
    method.prepare(Context(*networks, (1, 8, 8), 3, labels, 5))
    for parameter in method.parameters():  # norms begin as 1 and 0, which a mistake may hide behind
        if parameter.requires_grad:
            parameter.data += 0.3 * torch.randn_like(parameter)
    for network in networks:  # whose classifiers a method may read
        network.double()
    return method.double().train()


def random_outputs(shapes=SMALL, size=4, seed=0, classes=3):
    """Random outputs in float64 of a student, which take gradients, and of a teacher: maps as after a ReLU."""
    random = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(*shape, generator=random, dtype=torch.float64)

    def output(stages):
        return Output(draw(size, classes), tuple(draw(size, *shape).relu() for shape in stages))

    student, teacher = (output(stages) for stages in shapes)
    for tensor in (student.logits, *student.stages):
        tensor.requires_grad_()
    return student, teacher


def real_pair(student, teacher, size, seed=0):
    torch.manual_seed(seed)
    options = {"width": 0.125}
    pair = build_network(student, options, 3, 7), build_network(teacher, options, 3, 7)
    return pair[0].train(), pair[1].eval().requires_grad_(False)


def context_of(student, teacher, size, labels):
    """What methods are told of a real pair. Another teacher is a copy of it."""
    anew = copy.deepcopy(teacher).train().requires_grad_(True)
    return Context(student, teacher, (3, size, size), 7, labels, 3, new_teacher=lambda: anew)


def real_batch(student, teacher, images, labels, *, preliminary=False, asked=None):
    """A batch that real networks run on; `asked` notes who was."""
    asked = [] if asked is None else asked

    def run(who, network, shown):
        asked.append(who)
        logits, stages, named = outputs_of(network, shown)
        return Output(logits, stages, **named)

    def run_teacher(shown, _):
        with torch.no_grad():
            return run("teacher", teacher, shown)

    indices = torch.arange(len(labels))
    return Batch(
        images,
        labels,
        indices,
        torch.tensor(0.0),
        preliminary,
        lambda shown: run("student", student, shown),
        run_teacher,
    )
