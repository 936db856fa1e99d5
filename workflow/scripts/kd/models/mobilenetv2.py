"""MobileNet, version 2."""

from torch import Tensor, nn

from kd.models.layers.blocks import Shortcut
from kd.models.layers.staged import ConvNorm, ConvNormReLU, Scale, StagedNet
from kd.settings.types import Width

# Table 2 of arXiv:1801.04381: expansion, channels, blocks, and the first one's stride, which is 2 there for
# 24 channels; both CIFAR forms have 1.
_ROWS = (
    (1, 16, 1, 1),
    (6, 24, 2, 1),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


class _InvertedResidual(nn.Module):
    """Expand, convolve each channel alone, and narrow without a ReLU (arXiv:1801.04381, figure 3b).

    `projected`: at stride 1 there is always a shortcut, a 1x1 convolution where the channels differ.
    """

    def __init__(self, ins: int, outs: int, stride: int, expansion: int, projected: bool):
        super().__init__()
        wide = expansion * ins
        self.residual = nn.Sequential(
            ConvNormReLU(ins, wide, 1),
            ConvNormReLU(wide, wide, stride=stride, groups=wide),
            *ConvNorm(wide, outs, 1),
        )
        added = stride == 1 and (projected or ins == outs)
        self.shortcut = Shortcut(ins, outs, stride) if added else None

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, out, H/stride, W/stride)."""
        residual = self.residual(x)
        return residual if self.shortcut is None else residual + self.shortcut(x)


def _mobilenetv2(
    in_channels: int, num_classes: int, width: float, *, halved: bool, stem_stride: int, projected: bool
) -> StagedNet:
    """`halved`: all channels but those of the last convolution, which the paper never narrows."""
    scale, divisor = Scale(width), 2 if halved else 1
    channels, last = scale(32 // divisor), scale(1280)
    stages = [[ConvNormReLU(in_channels, channels, stride=stem_stride)]]
    for expansion, outs, blocks, first_stride in _ROWS:
        outs = scale(outs // divisor)
        for stride in [first_stride] + [1] * (blocks - 1):
            if stride == 2:
                stages.append([])
            stages[-1].append(_InvertedResidual(channels, outs, stride, expansion, projected))
            channels = outs
    stages[-1].append(ConvNormReLU(channels, last, 1))
    return StagedNet([nn.Sequential(*stage) for stage in stages], last, num_classes)


def mobilenetv2(in_channels: int, num_classes: int, *, width: Width = 1.0) -> StagedNet:
    """MobileNet V2 of Sandler et al. 2018, MobileNetV2: Inverted Residuals, arXiv:1801.04381 (table 2).

    `width` multiplies every channel count; the paper's multiplier leaves the last convolution as it is
    where that would narrow it.

    CIFAR form (pytorch-cifar): stride 1 in the stem and in the blocks of 24 channels; ReLU instead of ReLU6;
    the first block expands too, though not to more channels; and a 1x1 convolution with norm as the shortcut
    where only the channels change, which has none in the paper. 2,296,922 parameters for 3 channels and 10
    classes (2,412,212 for 100); the stages put out, for 32x32 pixels, 24x32x32, 32x16x16, 96x8x8 (these
    three linear, of either sign) and 1280x4x4.
    """
    return _mobilenetv2(in_channels, num_classes, width, halved=False, stem_stride=1, projected=True)


def mobilenetv2_half(in_channels: int, num_classes: int, *, width: Width = 1.0) -> StagedNet:
    """MobileNet V2 with half of the channels, the MobileNetV2 of distillation papers (arXiv:1910.10699).

    `width` multiplies what is halved already, and the 1280 channels of the last convolution, which are not.

    CIFAR form (RepDistiller's mobile_half): the stem keeps its stride of 2, so that all maps are half as
    large as those of `mobilenetv2`; stride 1 in the blocks of 24 (here 12) channels; ReLU instead of ReLU6;
    the first block expands too, though not to more channels; shortcuts as in the paper, only where nothing
    changes. 697,546 parameters for 3 channels and 10 classes (812,836 for 100); the stages put out, for
    32x32 pixels, 12x16x16, 16x8x8, 48x4x4 (these three linear, of either sign) and 1280x2x2.
    """
    return _mobilenetv2(in_channels, num_classes, width, halved=True, stem_stride=2, projected=False)
