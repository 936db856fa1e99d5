"""ResNeXt: residual networks with grouped convolutions."""

from torch import nn

from kd.models.layers.blocks import grouped_bottleneck
from kd.models.layers.staged import ConvNormReLU, Scale, StagedNet
from kd.settings.types import Count, Width


def resnext29(
    in_channels: int,
    num_classes: int,
    *,
    cardinality: Count = 2,
    bottleneck_width: Count = 64,
    width: Width = 1.0,
) -> StagedNet:
    """ResNeXt-29 of Xie et al. 2016, Aggregated Residual Transformations, arXiv:1611.05431 (section 5.3).

    `cardinality` is the number of groups (the paper's C), `bottleneck_width` the channels of one in the first
    stage (d), which double from stage to stage: 2 and 64 are the network called 2x64d, 32 and 4 is 32x4d.
    `width` multiplies d (to at least 1), and with it every other channel count.

    CIFAR form (pytorch-cifar): the stem is one 1x1 convolution, and a block puts out twice the channels of
    its groups together; in the paper the stem is 3x3, and a block puts out 256, 512 or 1024 whatever C and d
    are. 9,128,778 parameters for 3 channels and 10 classes (32x4d: 4,774,218); the stages put out, for 32x32
    pixels, 256x32x32, 512x16x16 and 1024x8x8.
    """
    scale = Scale(width)
    channels = scale(64)
    inner = cardinality * max(scale(cardinality * bottleneck_width) // cardinality, 1)
    stages = [nn.Sequential(ConvNormReLU(in_channels, channels, 1)), nn.Sequential(), nn.Sequential()]
    for stage, stride in zip(stages, (1, 2, 2), strict=True):
        for step in (stride, 1, 1):
            stage.append(grouped_bottleneck(channels, inner, 2 * inner, step, groups=cardinality))
            channels = 2 * inner
        inner *= 2
    return StagedNet(stages, channels, num_classes)
