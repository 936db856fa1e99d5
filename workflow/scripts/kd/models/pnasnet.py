"""PNASNets: networks of cells that a search found."""

import torch
from torch import Tensor, nn

from kd.models.layers.staged import ConvNorm, ConvNormReLU, Scale, StagedNet
from kd.settings.types import Width


def _depthwise(ins: int, outs: int, kernel: int, stride: int) -> ConvNorm:
    """Each channel alone, to outs/ins channels of its own; norm, no ReLU."""
    return ConvNorm(ins, outs, kernel, stride=stride, groups=ins)


def _pool(ins: int, outs: int, stride: int) -> nn.Sequential:
    """3x3 max pooling; a cell of stride 2 also projects."""
    pool = nn.MaxPool2d(3, stride, padding=1)
    return nn.Sequential(pool, *([ConvNorm(ins, outs, 1)] if stride == 2 else []))


class _CellA(nn.Module):
    """A 7x7 convolution plus a pooling: the search's best cell of one block (arXiv:1712.00559, figure 2)."""

    def __init__(self, ins: int, outs: int, stride: int):
        super().__init__()
        self.seven = _depthwise(ins, outs, 7, stride)
        self.pool = _pool(ins, outs, stride)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, out, H/stride, W/stride)."""
        return self.relu(self.seven(x) + self.pool(x))


class _CellB(nn.Module):
    """7x7 plus 3x3 beside 5x5 plus a pooling, mixed by a 1x1: the best cell of two blocks (figure 2)."""

    def __init__(self, ins: int, outs: int, stride: int):
        super().__init__()
        self.seven, self.three, self.five = (_depthwise(ins, outs, kernel, stride) for kernel in (7, 3, 5))
        self.pool = _pool(ins, outs, stride)
        self.mix = ConvNorm(2 * outs, outs, 1)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, out, H/stride, W/stride)."""
        left = self.relu(self.seven(x) + self.three(x))
        right = self.relu(self.pool(x) + self.five(x))
        return self.relu(self.mix(torch.cat([left, right], dim=1)))


def _pnasnet(
    in_channels: int, num_classes: int, wide: int, cell: type[_CellA | _CellB], cells: int = 6
) -> StagedNet:
    def same(channels: int) -> list[nn.Module]:
        return [cell(channels, channels, 1) for _ in range(cells)]

    stages = [
        nn.Sequential(ConvNormReLU(in_channels, wide), *same(wide)),
        nn.Sequential(cell(wide, 2 * wide, 2), *same(2 * wide)),
        nn.Sequential(cell(2 * wide, 4 * wide, 2), *same(4 * wide)),
    ]
    return StagedNet(stages, 4 * wide, num_classes)


def pnasnet_a(in_channels: int, num_classes: int, *, width: Width = 1.0) -> StagedNet:
    """A PNASNet of one-block cells, after Liu et al. 2017, Progressive Neural Architecture Search.

    arXiv:1712.00559. CIFAR form (pytorch-cifar): a cell sees the one before it only, not the two before it;
    and its convolutions are of each channel alone, without the 1x1 (and the repetition) of a separable one,
    so that channels mix where the resolution halves only. 130,646 parameters for 3 channels and 10 classes;
    the stages put out, for 32x32 pixels, 44x32x32, 88x16x16 and 176x8x8.
    """
    return _pnasnet(in_channels, num_classes, Scale(width)(44), _CellA)


def pnasnet_b(in_channels: int, num_classes: int, *, width: Width = 1.0) -> StagedNet:
    """A PNASNet of two-block cells; see `pnasnet_a` (arXiv:1712.00559).

    CIFAR form: as of `pnasnet_a`, but a 1x1 convolution ends each cell. 451,626 parameters for 3 channels and
    10 classes; the stages put out, for 32x32 pixels, 32x32x32, 64x16x16 and 128x8x8.
    """
    return _pnasnet(in_channels, num_classes, Scale(width)(32), _CellB)
