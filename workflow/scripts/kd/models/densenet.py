"""Densely connected networks."""

from torch import nn
from torchvision.models.densenet import _DenseBlock, _Transition

from kd.models.layers.staged import Scale, StagedNet
from kd.settings.types import Count, Width


def _densenet(in_channels: int, num_classes: int, growth: int, layers: tuple[int, ...]) -> StagedNet:
    """DenseNet-BC (compression 1/2): `layers` in its four blocks, each of which adds `growth` channels."""
    channels = 2 * growth
    stages = []
    for count in layers:
        if stages:
            opening = _Transition(channels, channels // 2)
            channels //= 2
        else:
            opening = nn.Conv2d(in_channels, channels, 3, padding=1, bias=False)
        # bn_size: "B" of the paper, 1x1 convolutions to 4k channels ahead of the 3x3.
        block = _DenseBlock(count, channels, bn_size=4, growth_rate=growth, drop_rate=0.0)
        channels += count * growth
        stages.append(nn.Sequential(opening, block))
    stages[-1].extend([nn.BatchNorm2d(channels), nn.ReLU(inplace=True)])
    return StagedNet(stages, channels, num_classes)


def densenet(in_channels: int, num_classes: int, *, growth: Count = 32, width: Width = 1.0) -> StagedNet:
    """DenseNet-121 of Huang et al. 2016, Densely Connected Convolutional Networks, arXiv:1608.06993.

    `growth` is the paper's k, the channels that each layer adds; `width` multiplies it, and with it every
    other channel count.

    CIFAR form (pytorch-cifar): the stem is one bare 3x3 convolution of stride 1 to 2k channels, without norm
    and without pooling. 6,956,298 parameters for 3 channels and 10 classes; the stages put out, for 32x32
    pixels, 256x32x32, 512x16x16, 1024x8x8 and 1024x4x4.
    """
    return _densenet(in_channels, num_classes, Scale(width)(growth), (6, 12, 24, 16))


def densenet121(in_channels: int, num_classes: int, *, width: Width = 1.0) -> StagedNet:
    """DenseNet-121 of arXiv:1608.06993 (table 1): `densenet` by its full name, with the paper's k of 32.

    CIFAR form: as of `densenet`. 6,956,298 parameters for 3 channels and 10 classes; the stages put out, for
    32x32 pixels, 256x32x32, 512x16x16, 1024x8x8 and 1024x4x4.
    """
    return densenet(in_channels, num_classes, width=width)


def densenet169(in_channels: int, num_classes: int, *, width: Width = 1.0) -> StagedNet:
    """DenseNet-169 of arXiv:1608.06993 (table 1): twice as many layers in the last block as `densenet121`.

    CIFAR form: as of `densenet`. 12,493,322 parameters for 3 channels and 10 classes; the stages put out, for
    32x32 pixels, 256x32x32, 512x16x16, 1280x8x8 and 1664x4x4.
    """
    return _densenet(in_channels, num_classes, Scale(width)(32), (6, 12, 32, 32))


def densenet_cifar(in_channels: int, num_classes: int, *, width: Width = 1.0) -> StagedNet:
    """The small DenseNet of pytorch-cifar: `densenet121` with a k of 12 (arXiv:1608.06993).

    CIFAR form: as of `densenet`. 1,000,618 parameters for 3 channels and 10 classes; the stages put out, for
    32x32 pixels, 96x32x32, 192x16x16, 384x8x8 and 384x4x4.
    """
    return densenet(in_channels, num_classes, growth=12, width=width)
