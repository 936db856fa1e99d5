"""Dual path networks."""

import torch
from torch import Tensor, nn

from kd.models.layers.blocks import Shortcut
from kd.models.layers.staged import ConvNorm, ConvNormReLU, Scale, StagedNet
from kd.settings.types import Width

# Table 1 of arXiv:1707.01629, DPN-92, a row for each stage: the channels of the first 1x1 and of the 3x3
# convolutions, those of the residual path, and those that a block adds to the dense path ("+16").
_STAGES = ((96, 256, 16), (192, 512, 32), (384, 1024, 24), (768, 2048, 128))
_GROUPS = 32


class _DualPath(nn.Module):
    """A bottleneck of which some channels are added, the others appended (arXiv:1707.01629, figure 2d).

    The first block of a stage projects its input, and its shortcut brings the first `dense` channels of that
    path along.
    """

    def __init__(
        self, ins: int, inner: int, residual: int, dense: int, *, groups: int, stride: int, first: bool
    ):
        super().__init__()
        both = residual + dense
        self.added = residual
        self.out_channels = both + dense if first else ins + dense
        self.body = nn.Sequential(
            ConvNormReLU(ins, inner, 1),
            ConvNormReLU(inner, inner, stride=stride, groups=groups),
            *ConvNorm(inner, both, 1),
        )
        self.shortcut = Shortcut(ins, both, stride) if first else nn.Identity()
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, out_channels, H/stride, W/stride)."""
        new, old = self.body(x), self.shortcut(x)
        added = old[:, : self.added] + new[:, : self.added]
        return self.relu(torch.cat([added, old[:, self.added :], new[:, self.added :]], dim=1))


def _dpn(in_channels: int, num_classes: int, width: float, blocks: tuple[int, int, int, int]) -> StagedNet:
    scale = Scale(width)
    channels, groups = scale(64), scale(_GROUPS)
    stages = [nn.Sequential(ConvNormReLU(in_channels, channels))]
    for stage, (inner, residual, dense) in enumerate(_STAGES):
        if stage:
            stages.append(nn.Sequential())
        # A narrower network has fewer groups, each as wide as published.
        sizes = groups * (inner // _GROUPS), scale(residual), scale(dense)
        for block in range(blocks[stage]):
            stride = 2 if stage and not block else 1
            made = _DualPath(channels, *sizes, groups=groups, stride=stride, first=not block)
            channels = made.out_channels
            stages[-1].append(made)
    return StagedNet(stages, channels, num_classes)


def dpn92(in_channels: int, num_classes: int, *, width: Width = 1.0) -> StagedNet:
    """DPN-92 of Chen et al. 2017, Dual Path Networks, arXiv:1707.01629 (table 1).

    `width` multiplies the number of groups of the grouped convolutions, and every other channel count.

    CIFAR form (pytorch-cifar): the stem is one 3x3 convolution of stride 1 instead of 7x7, stride 2 and max
    pooling; norm and ReLU come after the convolutions, not ahead of them. 34,236,634 parameters for 3
    channels and 10 classes; the stages put out, for 32x32 pixels, 320x32x32, 672x16x16, 1528x8x8 and
    2560x4x4.
    """
    return _dpn(in_channels, num_classes, width, (3, 4, 20, 3))


def dpn26(in_channels: int, num_classes: int, *, width: Width = 1.0) -> StagedNet:
    """The small DPN of pytorch-cifar: `dpn92` with two blocks in each stage (arXiv:1707.01629).

    CIFAR form: as of `dpn92`. 11,574,842 parameters for 3 channels and 10 classes; the stages put out, for
    32x32 pixels, 304x32x32, 608x16x16, 1096x8x8 and 2432x4x4.
    """
    return _dpn(in_channels, num_classes, width, (2, 2, 2, 2))
