"""VGG networks, with batch norm."""

from torch import nn

from kd.models.staged import ConvNormReLU, Scale, StagedNet
from kd.options import Width


def _pool() -> nn.MaxPool2d:
    return nn.MaxPool2d(2, ceil_mode=True)  # ceil: a 1x1 map stays 1x1, so 8 pixels survive five poolings


def _convs(in_channels: int, out_channels: int, count: int) -> nn.Sequential:
    ins = [in_channels] + [out_channels] * (count - 1)
    return nn.Sequential(*(ConvNormReLU(channels, out_channels, bias=True) for channels in ins))


def vgg16(in_channels: int, num_classes: int, *, width: Width = 1.0) -> StagedNet:
    """VGG-16 (configuration D) of Simonyan & Zisserman 2014, Very Deep ConvNets, arXiv:1409.1556.

    CIFAR form (pytorch-cifar): batch norm after every convolution, and one linear layer instead of three.
    The convolutions keep their biases. 14,728,266 parameters for 3 channels and 10 classes; the stages put
    out, for 32x32 pixels, 64x32x32, 128x16x16, 256x8x8, 512x4x4 and (after the fifth pooling) 512x1x1.
    """
    c1, c2, c3, c4 = map(Scale(width), (64, 128, 256, 512))
    stages = [
        _convs(in_channels, c1, 2),
        nn.Sequential(_pool(), _convs(c1, c2, 2)),
        nn.Sequential(_pool(), _convs(c2, c3, 3)),
        nn.Sequential(_pool(), _convs(c3, c4, 3)),
        nn.Sequential(_pool(), _convs(c4, c4, 3), _pool()),
    ]
    return StagedNet(stages, c4, num_classes)
