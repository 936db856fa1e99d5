"""Other stems: for small images, whose resolution it keeps, and for images of another number of channels."""

import torch
from torch import nn

from kd.errors import UserError
from kd.models.libraries.trace import HALVED, JUMP, Call, first_convolution, side_of, trace


def cifar_stem(title: str, network: nn.Module, root: Call) -> str:
    """Make the first convolution one of 3x3 with stride 1, and take the pooling after it away.

    He et al. 2015 (arXiv:1512.03385, section 4.2) begin so on CIFAR; it makes the maps of a usual stem, which
    quarters the resolution, four times as large a side. `root`: what `trace` saw. Returns the name of the
    convolution, whose weights are drawn again. Raises UserError where the network does not begin with a
    strided convolution, or cuts the image into patches.
    """
    first = first_convolution(root)
    layer = first.module if first else None
    if not layer or max(layer.stride) == 1 or layer.stride == layer.kernel_size:
        reason = "cuts the image into patches" if layer and max(layer.stride) > 1 else "keeps the resolution"
        raise UserError(
            f"{title}: stem: 'cifar' is for networks that begin with a strided convolution, and this one"
            f" {reason}; allowed: own"
        )
    if pool := _next_pooling(root, first):
        parent, _, name = pool.name.rpartition(".")
        setattr(network.get_submodule(parent), name, nn.Identity())
    layer.kernel_size, layer.stride, layer.padding, layer.dilation = (3, 3), (1, 1), (1, 1), (1, 1)
    shape = layer.out_channels, layer.in_channels // layer.groups, 3, 3
    layer.weight = nn.Parameter(torch.empty(shape, device=layer.weight.device))
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    return first.name


def _next_pooling(root: Call, first: Call) -> Call | None:
    """What halves the resolution next after the first convolution, if that has no weights: a pooling."""
    calls, side = list(root.leaves()), side_of(first.result)
    for call in calls[calls.index(first) + 1 :]:
        if HALVED < side / side_of(call.result) < JUMP:
            return None if any(True for _ in call.module.parameters()) else call
    return None


def take_channels(network: nn.Module, probe: int, channels: int) -> None:
    """Let a network for colour images take images of `channels`: one that shows three in grey sees the same.

    For one channel the weights of the first convolution are summed; for others they are repeated in turn, at
    the same sum.
    """
    convolution = first_convolution(trace(network, (3, probe, probe))).module
    weight, repeated = convolution.weight.detach(), [number % 3 for number in range(channels)]
    fitted = weight.sum(1, keepdim=True) if channels == 1 else weight[:, repeated] * (3 / channels)
    convolution.in_channels, convolution.weight = channels, nn.Parameter(fitted)
