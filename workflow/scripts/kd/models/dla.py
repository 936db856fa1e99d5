"""Deep layer aggregation."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from kd.models.layers.residual import BasicBlock
from kd.models.layers.staged import ConvNormReLU, Scale, StagedNet
from kd.settings.types import Width


class _Nodes(nn.Module):
    """All that a chain of modules puts out on the way, and what `beside` makes of the chain's input."""

    def __init__(self, chain: tuple[nn.Module, ...], beside: nn.Module | None):
        super().__init__()
        self.beside = beside
        self.chain = nn.ModuleList(chain)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, the sum of their channels, H/stride, W/stride)."""
        outputs = [] if self.beside is None else [self.beside(x)]
        for module in self.chain:
            x = module(x)
            outputs.append(x)
        return torch.cat(outputs, dim=1)


def _tree(channels: int, *chain: nn.Module, beside: nn.Module | None = None) -> nn.Sequential:
    """Nodes of `channels` each, and the root that aggregates them (arXiv:1707.06484, section 3)."""
    nodes = len(chain) + (beside is not None)
    return nn.Sequential(_Nodes(chain, beside), ConvNormReLU(nodes * channels, channels, 1))


def _leaf(ins: int, outs: int, stride: int) -> nn.Sequential:
    """A tree of level 1: two blocks."""
    return _tree(outs, BasicBlock(ins, outs, stride), BasicBlock(outs, outs, 1))


def _hierarchy(ins: int, outs: int, stride: int) -> nn.Sequential:
    """A tree of level 2: one of level 1 and two blocks, whose root sees the tree's input too (figure 3f)."""
    rest = BasicBlock(outs, outs, 1), BasicBlock(outs, outs, 1)
    return _tree(outs, _leaf(ins, outs, stride), *rest, beside=BasicBlock(ins, outs, stride))


def _binary(ins: int, outs: int, stride: int) -> nn.Sequential:
    """A tree of level 2 whose root joins two trees of level 1 (figure 3d)."""
    return _tree(outs, _leaf(ins, outs, stride), _leaf(outs, outs, 1))


def _dla(
    in_channels: int, num_classes: int, width: float, tree: Callable[[int, int, int], nn.Sequential]
) -> StagedNet:
    c1, c2, c3, c4, c5, c6 = map(Scale(width), (16, 32, 64, 128, 256, 512))
    stem = [ConvNormReLU(in_channels, c1), ConvNormReLU(c1, c1), ConvNormReLU(c1, c2)]
    stages = [nn.Sequential(*stem, _leaf(c2, c3, 1)), tree(c3, c4, 2), tree(c4, c5, 2), _leaf(c5, c6, 2)]
    return StagedNet(stages, c6, num_classes)


def dla(in_channels: int, num_classes: int, *, width: Width = 1.0) -> StagedNet:
    """DLA-34 after Yu et al. 2017, Deep Layer Aggregation, arXiv:1707.06484 (table 1).

    CIFAR form (pytorch-cifar): all convolutions ahead of the trees are 3x3 and of stride 1; a root of level 2
    gets its tree's input by way of a block, and those of level 1 do not get it. 16,291,386 parameters for 3
    channels and 10 classes; the stages put out, for 32x32 pixels, 64x32x32, 128x16x16, 256x8x8 and 512x4x4.
    """
    return _dla(in_channels, num_classes, width, _hierarchy)


def simple_dla(in_channels: int, num_classes: int, *, width: Width = 1.0) -> StagedNet:
    """What pytorch-cifar calls SimpleDLA: `dla` with binary trees, whose nodes reach one root each.

    CIFAR form: as of `dla` (arXiv:1707.06484). 15,142,970 parameters for 3 channels and 10 classes; the
    stages put out, for 32x32 pixels, 64x32x32, 128x16x16, 256x8x8 and 512x4x4.
    """
    return _dla(in_channels, num_classes, width, _binary)
