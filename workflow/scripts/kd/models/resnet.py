"""Residual networks."""

from torch import nn
from torchvision.models.resnet import BasicBlock

from kd.models.staged import ConvNormReLU, Scale, StagedNet
from kd.options import Width


def _block(in_channels: int, out_channels: int, stride: int) -> BasicBlock:
    """torchvision's block, its shortcut projected where the shapes of input and output differ."""
    if stride == 1 and in_channels == out_channels:
        return BasicBlock(in_channels, out_channels)
    projection = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)
    shortcut = nn.Sequential(projection, nn.BatchNorm2d(out_channels))
    return BasicBlock(in_channels, out_channels, stride, shortcut)


def _two_blocks(in_channels: int, out_channels: int, stride: int) -> nn.Sequential:
    return nn.Sequential(_block(in_channels, out_channels, stride), _block(out_channels, out_channels, 1))


def resnet18(in_channels: int, num_classes: int, *, width: Width = 1.0) -> StagedNet:
    """ResNet-18 of He, Zhang, Ren & Sun 2015, Deep Residual Learning for Image Recognition, arXiv:1512.03385.

    CIFAR form (pytorch-cifar): the stem is one 3x3 convolution of stride 1 instead of 7x7, stride 2 and max
    pooling. 11,173,962 parameters for 3 channels and 10 classes; the stages put out, for 32x32 pixels,
    64x32x32, 128x16x16, 256x8x8 and 512x4x4.
    """
    c1, c2, c3, c4 = map(Scale(width), (64, 128, 256, 512))
    stages = [
        nn.Sequential(ConvNormReLU(in_channels, c1), _two_blocks(c1, c1, 1)),
        _two_blocks(c1, c2, 2),
        _two_blocks(c2, c3, 2),
        _two_blocks(c3, c4, 2),
    ]
    return StagedNet(stages, c4, num_classes)
