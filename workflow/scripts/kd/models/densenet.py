"""Densely connected networks."""

from torch import nn
from torchvision.models.densenet import _DenseBlock, _Transition

from kd.models.staged import Scale, StagedNet
from kd.options import Count, Width


def densenet(in_channels: int, num_classes: int, *, growth: Count = 32, width: Width = 1.0) -> StagedNet:
    """DenseNet-121 of Huang et al. 2016, Densely Connected Convolutional Networks, arXiv:1608.06993.

    `growth` is the paper's k, the channels that each layer adds; `width` multiplies it, and with it every
    other channel count.

    CIFAR form (pytorch-cifar): the stem is one bare 3x3 convolution of stride 1 to 2k channels, without norm
    and without pooling. 6,956,298 parameters for 3 channels and 10 classes; the stages put out, for 32x32
    pixels, 256x32x32, 512x16x16, 1024x8x8 and 1024x4x4.
    """
    growth = Scale(width)(growth)
    channels = 2 * growth
    stages = []
    for layers in (6, 12, 24, 16):
        if stages:
            opening = _Transition(channels, channels // 2)
            channels //= 2
        else:
            opening = nn.Conv2d(in_channels, channels, 3, padding=1, bias=False)
        # bn_size: "B" of the paper, 1x1 convolutions to 4k channels ahead of the 3x3.
        block = _DenseBlock(layers, channels, bn_size=4, growth_rate=growth, drop_rate=0.0)
        channels += layers * growth
        stages.append(nn.Sequential(opening, block))
    stages[-1].extend([nn.BatchNorm2d(channels), nn.ReLU(inplace=True)])
    return StagedNet(stages, channels, num_classes)
