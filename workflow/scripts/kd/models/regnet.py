"""RegNets: networks of a design space."""

from torch import nn

from kd.models.layers.blocks import grouped_bottleneck
from kd.models.layers.staged import FEWEST_CHANNELS, ConvNormReLU, Scale, StagedNet
from kd.settings.types import Width

Rows = tuple[tuple[int, int], ...]  # blocks and channels of the paper's four stages
_STRIDES = (1, 1, 2, 2)
_400MF = ((1, 32), (2, 64), (7, 160), (12, 384))


def _fitted(channels: int, group: int) -> tuple[int, int]:
    """Channels and groups of a grouped convolution: the next multiple of the group's width, one at least."""
    group = min(group, channels)  # of a network so narrow that a layer is less wide than one published group
    groups = max(round(channels / group), 1)
    return groups * group, groups


def _regnet(
    in_channels: int, num_classes: int, width: float, group: int, rows: Rows, squeeze: bool = False
) -> StagedNet:
    """`group` is the width of a group.

    All blocks have a bottleneck ratio of 1. With `squeeze` one squeezes to a quarter of the channels that it
    is given.
    """
    scale = Scale(width)
    ins = scale(64)
    stages = [nn.Sequential(ConvNormReLU(in_channels, ins))]
    for (depth, wide), stride in zip(rows, _STRIDES, strict=True):
        if stride == 2:
            stages.append(nn.Sequential())
        outs, groups = _fitted(scale(wide), group)
        for block in range(depth):
            squeezed = max(round(ins / 4), FEWEST_CHANNELS) if squeeze else 0
            step = stride if block == 0 else 1
            stages[-1].append(grouped_bottleneck(ins, outs, outs, step, groups=groups, squeezed=squeezed))
            ins = outs
    return StagedNet(stages, ins, num_classes)


def regnetx_200mf(in_channels: int, num_classes: int, *, width: Width = 1.0) -> StagedNet:
    """RegNetX-200MF of Radosavovic et al. 2020, Designing Network Design Spaces, arXiv:2003.13678.

    `width` multiplies every channel count, rounded to a multiple of the width of a group (8), which stays.

    CIFAR form (pytorch-cifar): the stem is one 3x3 convolution of stride 1 to 64 channels (32 in the paper),
    and the first two of the paper's four stages keep the resolution, so that they are one stage here.
    2,321,946 parameters for 3 channels and 10 classes; the stages put out, for 32x32 pixels, 56x32x32,
    152x16x16 and 368x8x8.
    """
    return _regnet(in_channels, num_classes, width, 8, ((1, 24), (1, 56), (4, 152), (7, 368)))


def regnetx_400mf(in_channels: int, num_classes: int, *, width: Width = 1.0) -> StagedNet:
    """RegNetX-400MF of arXiv:2003.13678, whose groups are 16 channels wide; see `regnetx_200mf`.

    CIFAR form: as of `regnetx_200mf`. 4,779,338 parameters for 3 channels and 10 classes; the stages put out,
    for 32x32 pixels, 64x32x32, 160x16x16 and 384x8x8.
    """
    return _regnet(in_channels, num_classes, width, 16, _400MF)


def regnety_400mf(in_channels: int, num_classes: int, *, width: Width = 1.0) -> StagedNet:
    """What pytorch-cifar calls RegNetY-400MF: `regnetx_400mf` with squeeze-and-excitation (arXiv:2003.13678).

    The paper's own RegNetY-400MF has other depths (1, 3, 6, 6) and widths (48, 104, 208, 440).

    CIFAR form: as of `regnetx_200mf`. 5,714,362 parameters for 3 channels and 10 classes; the stages put out,
    for 32x32 pixels, 64x32x32, 160x16x16 and 384x8x8.
    """
    return _regnet(in_channels, num_classes, width, 16, _400MF, squeeze=True)
