"""ShuffleNet, version 1."""

import torch
from torch import Tensor, nn

from kd.models.layers.staged import ConvNorm, ConvNormReLU, Scale, StagedNet
from kd.models.shufflenet import _shuffle
from kd.settings.types import Width


class _Unit(nn.Module):
    """Squeeze, shuffle, convolve each channel alone, and widen (arXiv:1707.01083, figures 2b and 2c).

    With stride 1 the result is added to the input; with stride 2 its `branch` channels join those of the
    input, averaged. `squeeze_groups` is of the first convolution and of the shuffle, `groups` of the last.
    """

    def __init__(self, ins: int, squeezed: int, branch: int, stride: int, squeeze_groups: int, groups: int):
        super().__init__()
        self.squeeze = ConvNormReLU(ins, squeezed, 1, groups=squeeze_groups)
        self.squeeze_groups = squeeze_groups
        self.widen = nn.Sequential(
            ConvNormReLU(squeezed, squeezed, stride=stride, groups=squeezed),
            *ConvNorm(squeezed, branch, 1, groups=groups),
        )
        self.pool = nn.AvgPool2d(3, stride=2, padding=1) if stride == 2 else None
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, in, H, W), or with stride 2 (B, branch + in, H/2, W/2)."""
        branch = self.widen(_shuffle(self.squeeze(x), self.squeeze_groups))
        return self.relu(branch + x if self.pool is None else torch.cat([branch, self.pool(x)], dim=1))


def _shufflenet(
    in_channels: int, num_classes: int, width: float, *, groups: int, channels: tuple[int, int, int]
) -> StagedNet:
    """`channels` of the three stages as table 1 of the paper has them for that number of groups."""
    scale = Scale(width)

    def wide(count: int) -> int:
        return groups * scale(count // groups)  # group by group: each must have as many

    before, ins = 24, wide(24)  # as published, and as it is here
    stages = [ConvNormReLU(in_channels, ins, 1)]
    for outs, units in zip(channels, (4, 8, 4), strict=True):
        branch = outs - before
        # So few channels come from the stem that the paper does not group there.
        squeeze_groups = groups if len(stages) > 1 else 1
        layers = [_Unit(ins, wide(branch // 4), wide(branch), 2, squeeze_groups, groups)]
        before, ins = outs, ins + wide(branch)
        layers += [_Unit(ins, wide(outs // 4), ins, 1, groups, groups) for _ in range(units - 1)]
        stages.append(nn.Sequential(*layers))
    return StagedNet(stages, ins, num_classes)


def shufflenet_g2(in_channels: int, num_classes: int, *, width: Width = 1.0) -> StagedNet:
    """ShuffleNet with 2 groups, of Zhang et al. 2017, ShuffleNet, arXiv:1707.01083 (table 1).

    CIFAR form as of `shufflenet_g3`. 887,582 parameters for 3 channels and 10 classes (959,672 for 100); the
    stages put out, for 32x32 pixels, 24x32x32, 200x16x16, 400x8x8 and 800x4x4.
    """
    return _shufflenet(in_channels, num_classes, width, groups=2, channels=(200, 400, 800))


def shufflenet_g3(in_channels: int, num_classes: int, *, width: Width = 1.0) -> StagedNet:
    """ShuffleNet with 3 groups, of Zhang et al. 2017, ShuffleNet, arXiv:1707.01083 (table 1).

    `width` multiplies the channels of a group, so that every width can be grouped.

    CIFAR form (pytorch-cifar): the stem is one 1x1 convolution of stride 1 instead of 3x3, stride 2 and max
    pooling; a ReLU also after the convolution of each channel alone; and a unit with stride 2 squeezes to a
    quarter of the channels that its branch adds, in the paper of all that it puts out. 862,768 parameters for
    3 channels and 10 classes (949,258 for 100); the stages put out, for 32x32 pixels, 24x32x32, 240x16x16,
    480x8x8 and 960x4x4.
    """
    return _shufflenet(in_channels, num_classes, width, groups=3, channels=(240, 480, 960))


def shufflenetv1(in_channels: int, num_classes: int, *, width: Width = 1.0) -> StagedNet:
    """`shufflenet_g3` by the name that distillation papers know it by (arXiv:1910.10699): the same network.

    949,258 parameters for 3 channels and 100 classes.
    """
    return shufflenet_g3(in_channels, num_classes, width=width)
