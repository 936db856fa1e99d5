"""Parts that several families of networks are made of."""

from collections.abc import Callable, Sequence
from itertools import pairwise

from torch import Tensor, nn

from kd.models.layers.staged import ConvNorm, ConvNormReLU, StagedNet

Block = Callable[[int, int, int], nn.Module]  # makes a block of its channels in and out, and its stride


class Shortcut(nn.Sequential):
    """A 1x1 convolution with norm where the shapes of input and output differ, else nothing.

    Option B of arXiv:1512.03385 (section 3.3).
    """

    def __init__(self, ins: int, outs: int, stride: int):
        super().__init__(*(ConvNorm(ins, outs, 1, stride=stride) if stride != 1 or ins != outs else ()))


class SqueezeExcite(nn.Module):
    """Weights each channel by what the means of all channels say (arXiv:1709.01507, equations 2 to 4).

    `squeezed` is the number of channels in between, `activation` what follows them.
    """

    def __init__(self, channels: int, squeezed: int, activation: type[nn.Module] = nn.ReLU):
        super().__init__()
        self.gate = nn.Sequential(
            nn.Conv2d(channels, squeezed, 1), activation(), nn.Conv2d(squeezed, channels, 1), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same."""
        return x * self.gate(x.mean(dim=(2, 3), keepdim=True))


class Residual(nn.Module):
    """`residual`, added to the shortcut from `ins` to `outs` channels, then ReLU (arXiv:1512.03385)."""

    def __init__(self, residual: nn.Module, ins: int, outs: int, stride: int):
        super().__init__()
        self.residual = residual
        self.shortcut = Shortcut(ins, outs, stride)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, out, H/stride, W/stride)."""
        return self.relu(self.residual(x) + self.shortcut(x))


def grouped_bottleneck(
    ins: int, inner: int, outs: int, stride: int, *, groups: int, squeezed: int = 0
) -> Residual:
    """1x1, grouped 3x3, 1x1, added to the shortcut (arXiv:1611.05431, figure 3c).

    `inner` channels, a multiple of `groups`, go through the 3x3 convolution, which also has the stride.
    `squeezed` channels of a SqueezeExcite follow it (arXiv:2003.13678, section 4: the Y of RegNetY); 0: none.
    """
    layers = nn.Sequential(
        ConvNormReLU(ins, inner, 1),
        ConvNormReLU(inner, inner, stride=stride, groups=groups),
        *([SqueezeExcite(inner, squeezed)] if squeezed else []),
        *ConvNorm(inner, outs, 1),
    )
    return Residual(layers, ins, outs, stride)


def residual_net(
    stem: nn.Module, block: Block, channels: Sequence[int], blocks: Sequence[int], num_classes: int
) -> StagedNet:
    """A stem and stages of blocks.

    `channels` are those of the stem and of each stage, `blocks` how many a stage has; each stage but the
    first halves the resolution.
    """
    stages: list[nn.Module] = []
    for (ins, outs), count in zip(pairwise(channels), blocks, strict=True):
        rest = (block(outs, outs, 1) for _ in range(count - 1))
        stage = nn.Sequential(block(ins, outs, 2 if stages else 1), *rest)
        stages.append(stage if stages else nn.Sequential(stem, stage))
    return StagedNet(stages, channels[-1], num_classes)
