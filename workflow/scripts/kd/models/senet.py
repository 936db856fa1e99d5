"""Squeeze-and-excitation networks."""

from torch import nn

from kd.models.layers.blocks import SqueezeExcite
from kd.models.layers.staged import FEWEST_CHANNELS, ConvNormReLU, Scale, StagedNet
from kd.models.preact_resnet import PreActBlock
from kd.settings.types import Width

_REDUCTION = 16  # r of arXiv:1709.01507, section 3.2


class _SqueezedBlock(PreActBlock):
    """A pre-activation block whose residual is weighted by channel: (B, in, H, W) -> (B, out, ...)."""

    def __init__(self, in_channels: int, channels: int, stride: int):
        super().__init__(in_channels, channels, stride)
        self.residual.append(SqueezeExcite(channels, max(channels // _REDUCTION, FEWEST_CHANNELS)))


def _two_blocks(in_channels: int, channels: int, stride: int) -> nn.Sequential:
    return nn.Sequential(_SqueezedBlock(in_channels, channels, stride), _SqueezedBlock(channels, channels, 1))


def senet18(in_channels: int, num_classes: int, *, width: Width = 1.0) -> StagedNet:
    """SE-ResNet-18 after Hu et al. 2017, Squeeze-and-Excitation Networks, arXiv:1709.01507.

    CIFAR form (pytorch-cifar): the blocks are pre-activation ones, as of `preact_resnet18`, whose stages and
    missing last norm it has too; the stem is a 3x3 convolution of stride 1 with norm and ReLU. 11,260,354
    parameters for 3 channels and 10 classes; the stages put out, for 32x32 pixels, 64x32x32, 128x16x16,
    256x8x8 and 512x4x4 (of either sign: no ReLU).
    """
    c1, c2, c3, c4 = map(Scale(width), (64, 128, 256, 512))
    stages = [
        nn.Sequential(ConvNormReLU(in_channels, c1), _two_blocks(c1, c1, 1)),
        _two_blocks(c1, c2, 2),
        _two_blocks(c2, c3, 2),
        _two_blocks(c3, c4, 2),
    ]
    return StagedNet(stages, c4, num_classes)
