"""Networks with fresh weights, which take as long as trained ones."""

from collections.abc import Mapping
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
    first, *others = [*about["by"], about] if methods else [about]
    network = _plain(first, image, classes) if first else None
    labels = torch.arange(classes)  # an image of each: how many there are changes no layer of a student
    for taught in others:
        student = _plain(taught, image, classes)
        build_methods(methods).prepare(Context(student, network, image, classes, labels, epochs=1))
        network = student.eval()
    return network.requires_grad_(False)


def _plain(about: Mapping[str, Any], image: tuple[int, int, int], classes: int) -> nn.Module:
    settings = (about["architecture"], about["options"], image[0], classes)
    check_memory(partial(build_network, *settings), CPU)
    torch.manual_seed(0)
    network = build_network(*settings).eval()
    check_image(network, about["architecture"], image, CPU)
    return network
