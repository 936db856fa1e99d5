"""Squeeze-and-excitation networks."""

from kd.models.layers.blocks import SqueezeExcite, residual_net
from kd.models.layers.staged import FEWEST_CHANNELS, ConvNormReLU, Scale, StagedNet
from kd.models.preact_resnet import PreActBlock
from kd.settings.types import Width

_REDUCTION = 16  # r of arXiv:1709.01507, section 3.2


class _SqueezedBlock(PreActBlock):
    """A pre-activation block whose residual is weighted by channel: (B, in, H, W) -> (B, out, ...)."""

    def __init__(self, ins: int, outs: int, stride: int):
        super().__init__(ins, outs, stride)
        self.residual.append(SqueezeExcite(outs, max(outs // _REDUCTION, FEWEST_CHANNELS)))


def senet18(in_channels: int, num_classes: int, *, width: Width = 1.0) -> StagedNet:
    """SE-ResNet-18 after Hu et al. 2017, Squeeze-and-Excitation Networks, arXiv:1709.01507.

    CIFAR form (pytorch-cifar): the blocks are pre-activation ones, as of `preact_resnet18`, whose stages and
    missing last norm it has too; the stem is a 3x3 convolution of stride 1 with norm and ReLU. 11,260,354
    parameters for 3 channels and 10 classes; the stages put out, for 32x32 pixels, 64x32x32, 128x16x16,
    256x8x8 and 512x4x4 (of either sign: no ReLU).
    """
    channels = [*map(Scale(width), (64, 64, 128, 256, 512))]
    stem = ConvNormReLU(in_channels, channels[0])
    return residual_net(stem, _SqueezedBlock, channels, (2, 2, 2, 2), num_classes)
