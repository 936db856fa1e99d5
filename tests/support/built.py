"""Networks by name, as tests of their size, shapes and logits need them."""

from typing import Any

import pytest
import torch
from torch import nn

from kd.networks.factory import build_network
from kd.networks.size import count_parameters
from kd.registry import architectures


def every_architecture() -> list[Any]:
    """A parameter for each architecture; those that are not the first of their module are for the full suite."""
    modules, parameters = set(), []
    for name, entry in architectures().items():
        marks = [pytest.mark.full] if entry.module in modules else []
        modules.add(entry.module)
        parameters.append(pytest.param(name, marks=marks, id=name))
    return parameters


def on_meta(name, classes=10, ins=3, **options):
    """Without values, so that the widest network costs nothing."""
    with torch.device("meta"):
        return build_network(name, options, ins, classes).eval()


def size(name, classes=10, ins=3, **options):
    return count_parameters(on_meta(name, classes, ins, **options))


def stage_shapes(network, side=32, ins=3):
    """(C, H, W) of what each stage puts out: of an empty batch, for which nothing is computed.

    A network on the meta device gets memory, but no values; it would take its time to reckon with shapes alone.
    """
    with torch.no_grad():
        outputs, logits = network.to_empty(device="cpu").forward_stages(torch.empty(0, ins, side, side))
    assert logits.shape == (0, network.classifier.out_features)
    return [tuple(maps.shape[1:]) for maps in outputs]


def ready(network, images):
    """In eval mode, normalising by the statistics of `images`.

    With the statistics that batch norm starts from, a deep network's logits hardly depend on its input, and
    any comparison of them would pass.
    """
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        network.train()(images)
    return network.eval()


def closing_relu(stage):
    """The ReLU that a stage ends with: its last layer, or the `relu` of its last block; or None."""
    while isinstance(stage, nn.Sequential) and len(stage):
        stage = stage[-1]
    last = getattr(stage, "relu", stage)
    return last if isinstance(last, nn.ReLU) else None
