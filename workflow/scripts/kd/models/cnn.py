"""A plain convolutional network, the small student."""

from torch import nn

from kd.models.layers.staged import ConvNormReLU, Scale, StagedNet
from kd.settings.types import Counts, Width


def cnn(
    in_channels: int, num_classes: int, *, channels: Counts = (32, 64, 128, 256), width: Width = 1.0
) -> StagedNet:
    """One 3x3 convolution, batch norm and ReLU per entry of `channels`, and 2x2 max pooling between them.

    This project's own, in the manner of the plain students that distillation is shown on: four convolutions
    and the linear classifier make five weight layers. 391,466 parameters for 3 channels and 10 classes; the
    stages put out, for 32x32 pixels, 32x32x32, 64x16x16, 128x8x8 and 256x4x4.
    """
    stages = []
    for outs in map(Scale(width), channels):
        # ceil: a 1x1 map stays 1x1, so there may be more stages than the image can be halved
        opening = [nn.MaxPool2d(2, ceil_mode=True)] if stages else []
        stages.append(nn.Sequential(*opening, ConvNormReLU(in_channels, outs)))
        in_channels = outs
    return StagedNet(stages, in_channels, num_classes)
