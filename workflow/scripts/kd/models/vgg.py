"""VGG networks, with batch norm."""

from torch import nn

from kd.models.layers.staged import ConvNormReLU, Scale, StagedNet
from kd.settings.types import Poolings, Width

_CHANNELS = (64, 128, 256, 512, 512)  # between the places where the paper pools (arXiv:1409.1556, table 1)


def _pool() -> nn.MaxPool2d:
    return nn.MaxPool2d(2, ceil_mode=True)  # ceil: a 1x1 map stays 1x1, so 8 pixels survive five poolings


def _convs(in_channels: int, out_channels: int, count: int) -> nn.Sequential:
    ins = [in_channels] + [out_channels] * (count - 1)
    return nn.Sequential(*(ConvNormReLU(channels, out_channels, bias=True) for channels in ins))


def _vgg(
    in_channels: int, num_classes: int, width: float, poolings: int, counts: tuple[int, ...]
) -> StagedNet:
    """`counts` are of the convolutions for each of _CHANNELS; the first `poolings` of five places pool."""
    stages = []
    for place, (channels, count) in enumerate(zip(map(Scale(width), _CHANNELS), counts, strict=True)):
        convs = _convs(in_channels, channels, count)
        in_channels = channels
        if place > poolings:
            stages[-1].append(convs)  # works at the resolution of the place before
        else:
            stages.append(nn.Sequential(_pool(), convs) if place else convs)
    if poolings == len(_CHANNELS):
        stages[-1].append(_pool())
    return StagedNet(stages, in_channels, num_classes)


def vgg8(in_channels: int, num_classes: int, *, poolings: Poolings = 3, width: Width = 1.0) -> StagedNet:
    """VGG-8 of Tian, Krishnan & Isola 2020, Contrastive Representation Distillation, arXiv:1910.10699.

    The networks of Simonyan & Zisserman 2014 (arXiv:1409.1556) with one convolution for each of five channel
    counts. The usual student of `vgg13`, both with three poolings.

    CIFAR form (RepDistiller): as `vgg16`, but without the last two of five poolings; for 64x64 pixels without
    the last, which is `poolings: 4`. 3,918,858 parameters for 3 channels and 10 classes (3,965,028 for 100);
    the stages put out, for 32x32 pixels, 64x32x32, 128x16x16, 256x8x8 and 512x4x4 (two convolutions).
    """
    return _vgg(in_channels, num_classes, width, poolings, (1, 1, 1, 1, 1))


def vgg11(in_channels: int, num_classes: int, *, poolings: Poolings = 5, width: Width = 1.0) -> StagedNet:
    """VGG-11 (configuration A) of Simonyan & Zisserman 2014, Very Deep ConvNets, arXiv:1409.1556.

    CIFAR form as of `vgg16`, and so are the shapes. 9,231,114 parameters for 3 channels and 10 classes
    (9,277,284 for 100).
    """
    return _vgg(in_channels, num_classes, width, poolings, (1, 1, 2, 2, 2))


def vgg13(in_channels: int, num_classes: int, *, poolings: Poolings = 5, width: Width = 1.0) -> StagedNet:
    """VGG-13 (configuration B) of Simonyan & Zisserman 2014, Very Deep ConvNets, arXiv:1409.1556.

    CIFAR form as of `vgg16`, and so are the shapes. 9,416,010 parameters for 3 channels and 10 classes
    (9,462,180 for 100). The teacher of `vgg8` in distillation papers has `poolings: 3`.
    """
    return _vgg(in_channels, num_classes, width, poolings, (2, 2, 2, 2, 2))


def vgg16(in_channels: int, num_classes: int, *, poolings: Poolings = 5, width: Width = 1.0) -> StagedNet:
    """VGG-16 (configuration D) of Simonyan & Zisserman 2014, Very Deep ConvNets, arXiv:1409.1556.

    CIFAR form (pytorch-cifar): batch norm after every convolution, and one linear layer instead of three.
    The convolutions keep their biases. 14,728,266 parameters for 3 channels and 10 classes (14,774,436 for
    100); the stages put out, for 32x32 pixels, 64x32x32, 128x16x16, 256x8x8, 512x4x4 and (after the fifth
    pooling) 512x1x1.

    RepDistiller's form has as many parameters and differs in the poolings alone: `poolings` is 3 there (4 for
    64x64 pixels), the last convolutions work on maps of 4x4 pixels, and the global average does the rest. The
    stages are then four: 64x32x32, 128x16x16, 256x8x8 and 512x4x4.
    """
    return _vgg(in_channels, num_classes, width, poolings, (2, 2, 3, 3, 3))


def vgg19(in_channels: int, num_classes: int, *, poolings: Poolings = 5, width: Width = 1.0) -> StagedNet:
    """VGG-19 (configuration E) of Simonyan & Zisserman 2014, Very Deep ConvNets, arXiv:1409.1556.

    CIFAR form as of `vgg16`, and so are the shapes. 20,040,522 parameters for 3 channels and 10 classes
    (20,086,692 for 100).
    """
    return _vgg(in_channels, num_classes, width, poolings, (2, 2, 4, 4, 4))
