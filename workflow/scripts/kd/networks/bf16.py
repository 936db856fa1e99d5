"""Which networks train faster in bf16 on a processor that computes it."""

import torch
from torch import nn

from kd.networks.size import count_macs
from kd.runtime.speed import has_bf16

# Multiply-accumulates of a layer for an image, on average. On an AMD EPYC with AVX-512 bf16, networks with
# more train 1.3 to 1.9 times as fast in bf16, those with fewer 1.0 to 1.3 times (docs/speed.md).
LEAST = 1_000_000


def trains_faster_in_bf16(network: nn.Module, image: tuple[int, int, int], device: torch.device) -> bool:
    """Whether `device` is a CPU that trains `network` much faster in bf16.

    `image` is (channels, height, width). Those that are mostly convolutions do, if their products are large.
    """
    if device.type != "cpu" or not has_bf16(device):
        return False
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    convolutions = [layer for layer in layers if isinstance(layer, nn.Conv2d)]
    if 2 * len(convolutions) < max(1, len(layers)):
        return False
    return count_macs(network, torch.zeros(1, *image)) >= LEAST * len(layers)
