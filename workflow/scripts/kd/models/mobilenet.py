"""MobileNet, version 1."""

from itertools import pairwise

from torch import nn

from kd.models.layers.staged import ConvNormReLU, Scale, StagedNet
from kd.settings.types import Width


def _separable(in_channels: int, out_channels: int, stride: int) -> nn.Sequential:
    """A 3x3 convolution of each channel alone, then a 1x1 that mixes them (arXiv:1704.04861, figure 3)."""
    return nn.Sequential(
        ConvNormReLU(in_channels, in_channels, stride=stride, groups=in_channels),
        ConvNormReLU(in_channels, out_channels, 1),
    )


def _stage(*channels: int) -> nn.Sequential:
    """Separable layers from each number of channels to the next, the first one with stride 2."""
    pairs = enumerate(pairwise(channels))
    return nn.Sequential(*(_separable(*pair, stride=1 if index else 2) for index, pair in pairs))


def mobilenet(in_channels: int, num_classes: int, *, width: Width = 1.0) -> StagedNet:
    """MobileNet (version 1) of Howard et al. 2017, MobileNets, arXiv:1704.04861 (table 1).

    `width` is the paper's width multiplier.

    CIFAR form (pytorch-cifar): the stem has stride 1. 3,217,226 parameters for 3 channels and 10 classes;
    the stages put out, for 32x32 pixels, 64x32x32, 128x16x16, 256x8x8, 512x4x4 and 1024x2x2.
    """
    c0, c1, c2, c3, c4, c5 = map(Scale(width), (32, 64, 128, 256, 512, 1024))
    stages = [
        nn.Sequential(ConvNormReLU(in_channels, c0), _separable(c0, c1, 1)),
        _stage(c1, c2, c2),
        _stage(c2, c3, c3),
        _stage(c3, c4, c4, c4, c4, c4, c4),
        _stage(c4, c5, c5),
    ]
    return StagedNet(stages, c5, num_classes)
