"""ShuffleNet, version 2."""

import torch
from torch import Tensor, nn

from kd.models.layers.staged import ConvNorm, ConvNormReLU, Scale, StagedNet
from kd.settings.types import Width


def _shuffle(x: Tensor, groups: int) -> Tensor:
    """Channel shuffle (arXiv:1707.01083, figure 1c): (B, C, H, W), the first channel of each group first.

    A reshape that copies writes the dimensions in the order they have, so the channels come last meanwhile:
    the result is channels_last, as what the jobs train in. torch's channel_shuffle keeps that on CPUs only.
    """
    last = x.permute(0, 2, 3, 1)  # (B, H, W, C)
    return last.unflatten(3, (groups, -1)).transpose(3, 4).flatten(3).permute(0, 3, 1, 2)


def _interleave(left: Tensor, right: Tensor) -> Tensor:
    """Concatenation and channel shuffle: twice (B, C, H, W) -> (B, 2C, H, W), channels l0, r0, l1, r1, ..."""
    return _shuffle(torch.cat([left, right], dim=1), 2)


def _depthwise(channels: int, stride: int) -> ConvNorm:
    """A 3x3 convolution of each channel alone, and, unlike everywhere else, no ReLU after its norm."""
    return ConvNorm(channels, channels, stride=stride, groups=channels)


def _branch(ins: int, outs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(ConvNormReLU(ins, outs, 1), _depthwise(outs, stride), ConvNormReLU(outs, outs, 1))


class _Unit(nn.Module):
    """Half of the channels pass as they are, the others through a branch (arXiv:1807.11164, figure 3c)."""

    def __init__(self, half: int):
        super().__init__()
        self.right = _branch(half, half, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 2 half, H, W) -> the same."""
        left, right = x.chunk(2, dim=1)
        return _interleave(left, self.right(right))


class _DownUnit(nn.Module):
    """Two branches, each of all channels and with stride 2 (arXiv:1807.11164, figure 3d)."""

    def __init__(self, in_channels: int, half: int):
        super().__init__()
        self.left = nn.Sequential(_depthwise(in_channels, 2), ConvNormReLU(in_channels, half, 1))
        self.right = _branch(in_channels, half, 2)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, 2 half, H/2, W/2)."""
        return _interleave(self.left(x), self.right(x))


def _stage(in_channels: int, half: int, units: int) -> nn.Sequential:
    return nn.Sequential(_DownUnit(in_channels, half), *(_Unit(half) for _ in range(units - 1)))


def _shufflenetv2(
    in_channels: int, num_classes: int, width: float, *, halves: tuple[int, int, int], last: int
) -> StagedNet:
    """`halves`: channels of a branch in each stage, half of what table 5 has; `last`: those of its Conv5."""
    stem, h1, h2, h3, last = map(Scale(width), (24, *halves, last))
    stages = [
        ConvNormReLU(in_channels, stem, 1),
        _stage(stem, h1, 4),
        _stage(2 * h1, h2, 8),
        nn.Sequential(_stage(2 * h2, h3, 4), ConvNormReLU(2 * h3, last, 1)),
    ]
    return StagedNet(stages, last, num_classes)


def shufflenetv2(in_channels: int, num_classes: int, *, width: Width = 1.0) -> StagedNet:
    """ShuffleNet V2 1x of Ma et al. 2018, ShuffleNet V2: Practical Guidelines, arXiv:1807.11164 (table 5).

    `width` multiplies the channels of a branch, of which a unit has two. The paper's own 0.5x, 1.5x and 2x
    have channel counts of their own, and are not what widths 0.5, 1.5 and 2 give: `shufflenetv2_x0_5`,
    `shufflenetv2_x1_5` and `shufflenetv2_x2_0` are.

    CIFAR form (RepDistiller): the stem is one 1x1 convolution of stride 1 instead of 3x3, stride 2 and max
    pooling. 1,263,278 parameters for 3 channels and 10 classes (1,355,528 for 100); the stages put out, for
    32x32 pixels, 24x32x32, 116x16x16, 232x8x8 and (after the last, 1x1 convolution) 1024x4x4.
    """
    return _shufflenetv2(in_channels, num_classes, width, halves=(58, 116, 232), last=1024)


def shufflenetv2_x0_5(in_channels: int, num_classes: int, *, width: Width = 1.0) -> StagedNet:
    """ShuffleNet V2 0.5x of Ma et al. 2018, arXiv:1807.11164 (table 5).

    CIFAR form as of `shufflenetv2`. 351,466 parameters for 3 channels and 10 classes (443,716 for 100); the
    stages put out, for 32x32 pixels, 24x32x32, 48x16x16, 96x8x8 and 1024x4x4.
    """
    return _shufflenetv2(in_channels, num_classes, width, halves=(24, 48, 96), last=1024)


def shufflenetv2_x1_5(in_channels: int, num_classes: int, *, width: Width = 1.0) -> StagedNet:
    """ShuffleNet V2 1.5x of Ma et al. 2018, arXiv:1807.11164 (table 5).

    CIFAR form as of `shufflenetv2`. 2,488,298 parameters for 3 channels and 10 classes (2,580,548 for 100);
    the stages put out, for 32x32 pixels, 24x32x32, 176x16x16, 352x8x8 and 1024x4x4.
    """
    return _shufflenetv2(in_channels, num_classes, width, halves=(88, 176, 352), last=1024)


def shufflenetv2_x2_0(in_channels: int, num_classes: int, *, width: Width = 1.0) -> StagedNet:
    """ShuffleNet V2 2x of Ma et al. 2018, arXiv:1807.11164 (table 5).

    CIFAR form as of `shufflenetv2`; the first of the three counts is the paper's 244, where RepDistiller
    has 224. 5,364,910 parameters for 3 channels and 10 classes (5,549,320 for 100); the stages put out, for
    32x32 pixels, 24x32x32, 244x16x16, 488x8x8 and 2048x4x4.
    """
    return _shufflenetv2(in_channels, num_classes, width, halves=(122, 244, 488), last=2048)
