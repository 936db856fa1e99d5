"""Residual networks."""

from kd.models.layers.blocks import residual_net
from kd.models.layers.residual import BasicBlock, Bottleneck
from kd.models.layers.staged import ConvNormReLU, Scale, StagedNet
from kd.settings.types import Width


def _resnet(
    in_channels: int, num_classes: int, width: float, block: type, blocks: tuple[int, int, int, int]
) -> StagedNet:
    """One of table 1 of arXiv:1512.03385, with `blocks` in its four stages."""
    channels = [*map(Scale(width), (64, 128, 256, 512))]
    stem = ConvNormReLU(in_channels, channels[0])
    outs = [count * block.expansion for count in channels]
    return residual_net(stem, block, (channels[0], *outs), blocks, num_classes)


def resnet18(in_channels: int, num_classes: int, *, width: Width = 1.0) -> StagedNet:
    """ResNet-18 of He, Zhang, Ren & Sun 2015, Deep Residual Learning for Image Recognition, arXiv:1512.03385.

    CIFAR form (pytorch-cifar): the stem is one 3x3 convolution of stride 1 instead of 7x7, stride 2 and max
    pooling. 11,173,962 parameters for 3 channels and 10 classes; the stages put out, for 32x32 pixels,
    64x32x32, 128x16x16, 256x8x8 and 512x4x4.
    """
    return _resnet(in_channels, num_classes, width, BasicBlock, (2, 2, 2, 2))


def resnet34(in_channels: int, num_classes: int, *, width: Width = 1.0) -> StagedNet:
    """ResNet-34, the deepest of arXiv:1512.03385 (table 1) with two convolutions a block.

    CIFAR form: as of `resnet18`. 21,282,122 parameters for 3 channels and 10 classes; the stages put out, for
    32x32 pixels, 64x32x32, 128x16x16, 256x8x8 and 512x4x4.
    """
    return _resnet(in_channels, num_classes, width, BasicBlock, (3, 4, 6, 3))


def resnet50(in_channels: int, num_classes: int, *, width: Width = 1.0) -> StagedNet:
    """ResNet-50 of arXiv:1512.03385 (table 1): `resnet34` with bottlenecks, of four times the width.

    CIFAR form: as of `resnet18`; the stride is that of the 3x3 convolutions. 23,520,842 parameters for 3
    channels and 10 classes; the stages put out, for 32x32 pixels, 256x32x32, 512x16x16, 1024x8x8 and
    2048x4x4.
    """
    return _resnet(in_channels, num_classes, width, Bottleneck, (3, 4, 6, 3))


def resnet101(in_channels: int, num_classes: int, *, width: Width = 1.0) -> StagedNet:
    """ResNet-101 of arXiv:1512.03385 (table 1): `resnet50` with 23 blocks in its third stage.

    CIFAR form: as of `resnet50`. 42,512,970 parameters for 3 channels and 10 classes; the stages put out, for
    32x32 pixels, 256x32x32, 512x16x16, 1024x8x8 and 2048x4x4.
    """
    return _resnet(in_channels, num_classes, width, Bottleneck, (3, 4, 23, 3))


def resnet152(in_channels: int, num_classes: int, *, width: Width = 1.0) -> StagedNet:
    """ResNet-152 of arXiv:1512.03385 (table 1): `resnet50` with 8 and 36 blocks in the middle stages.

    CIFAR form: as of `resnet50`. 58,156,618 parameters for 3 channels and 10 classes; the stages put out, for
    32x32 pixels, 256x32x32, 512x16x16, 1024x8x8 and 2048x4x4.
    """
    return _resnet(in_channels, num_classes, width, Bottleneck, (3, 8, 36, 3))
