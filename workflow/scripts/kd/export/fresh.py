"""Networks with fresh weights, which take as long as trained ones."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import nn

from kd.distillation.base import Context
from kd.distillation.combined import build_methods
from kd.errors import UserError
from kd.networks.factory import build_network
from kd.networks.limits import check_image, check_memory

CPU = torch.device("cpu")


def fresh_network(about: Mapping[str, Any], image: tuple[int, int, int], classes: int) -> nn.Module:
    """A network of the `architecture` and `options` in `about`, in eval mode, for images (C, H, W).

    With `methods` in it, the student that these make of it, taught by the networks `by` one after the other.
    Raises UserError for one that memory cannot hold, the images do not fit, or the methods cannot teach, and
    where the methods are None because a sweep is to choose their options.
    """
    methods = about.get("methods", ())
    if methods is None:
        raise UserError("its layers depend on what a sweep chooses")
    network = _plain(about, image, classes)
    if methods:
        first, *between = about["by"]
        teacher = _plain(first, image, classes) if first else None
        for intermediate in between:
            teacher = _changed(_plain(intermediate, image, classes), teacher, methods, image, classes)
        network = _changed(network, teacher, methods, image, classes)
    return network.eval().requires_grad_(False)


def _plain(about: Mapping[str, Any], image: tuple[int, int, int], classes: int) -> nn.Module:
    settings = (about["architecture"], about["options"], image[0], classes)
    check_memory(partial(build_network, *settings), CPU)
    torch.manual_seed(0)
    network = build_network(*settings).eval()
    check_image(network, about["architecture"], image, CPU)
    return network


def _changed(
    student: nn.Module,
    teacher: nn.Module | None,
    methods: Sequence[tuple[str, Mapping[str, Any]]],
    image: tuple[int, int, int],
    classes: int,
) -> nn.Module:
    """The student with the layers that its training would give it."""
    labels = torch.arange(classes)  # an image of each: how many there are changes no layer of a student
    build_methods(methods).prepare(Context(student, teacher, image, classes, labels, epochs=1))
    return student.eval()
