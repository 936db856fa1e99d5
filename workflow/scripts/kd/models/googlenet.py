"""GoogLeNet, the first Inception network, with batch norm."""

from functools import partial

import torch
from torch import Tensor, nn

from kd.models.layers.staged import ConvNorm, ConvNormReLU, Scale, StagedNet
from kd.settings.types import Width

# Table 1 of arXiv:1409.4842, one row per module and one group per resolution. Channels of: the 1x1 branch,
# "3x3 reduce", the 3x3 branch, "5x5 reduce", the 5x5 branch, "pool proj".
_MODULES = (
    ((64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64)),
    (
        (192, 96, 208, 16, 48, 64),
        (160, 112, 224, 24, 64, 64),
        (128, 128, 256, 24, 64, 64),
        (112, 144, 288, 32, 64, 64),
        (256, 160, 320, 32, 128, 128),
    ),
    ((256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128)),
)


_conv = partial(ConvNormReLU, bias=True)
_last = partial(ConvNorm, bias=True)  # of a branch, whose ReLU is that of the module


class _Inception(nn.Module):
    """Four branches side by side (arXiv:1409.4842, figure 2b); arguments in the order of a row of _MODULES.

    The 5x5 kernel is two of 3x3, which see as far with fewer weights (arXiv:1512.00567, section 3.1).
    """

    def __init__(self, ins: int, one: int, squeeze3: int, three: int, squeeze5: int, five: int, pool: int):
        super().__init__()
        self.out_channels = one + three + five + pool
        self.one = _last(ins, one, 1)
        self.three = nn.Sequential(_conv(ins, squeeze3, 1), _last(squeeze3, three))
        self.five = nn.Sequential(_conv(ins, squeeze5, 1), _conv(squeeze5, five), _last(five, five))
        self.pool = nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), _last(ins, pool, 1))
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, out_channels, H, W)."""
        return self.relu(torch.cat([self.one(x), self.three(x), self.five(x), self.pool(x)], dim=1))


def googlenet(in_channels: int, num_classes: int, *, width: Width = 1.0) -> StagedNet:
    """GoogLeNet of Szegedy et al. 2014, Going Deeper with Convolutions, arXiv:1409.4842.

    CIFAR form (pytorch-cifar): the stem is one 3x3 convolution of stride 1 instead of three convolutions and
    two poolings; batch norm after every convolution, which keeps its bias; no auxiliary classifiers and no
    dropout. 6,166,250 parameters for 3 channels and 10 classes; the stages put out, for 32x32 pixels,
    480x32x32, 832x16x16 and 1024x8x8.
    """
    scale = Scale(width)
    channels = scale(192)
    stages = []
    for rows in _MODULES:
        opening = nn.MaxPool2d(3, stride=2, padding=1) if stages else _conv(in_channels, channels)
        layers = [opening]
        for row in rows:
            layers.append(_Inception(channels, *map(scale, row)))
            channels = layers[-1].out_channels  # the branches' sum: rounding each may differ from rounding it
        stages.append(nn.Sequential(*layers))
    return StagedNet(stages, channels, num_classes)
