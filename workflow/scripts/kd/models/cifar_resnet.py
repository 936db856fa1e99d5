"""Residual networks in the form that He et al. gave them for CIFAR: three stages and 6n + 2 weight layers."""

from torch import nn

from kd.models.layers.blocks import Residual, residual_net
from kd.models.layers.staged import ConvNorm, ConvNormReLU, Scale, StagedNet
from kd.settings.types import Width

_THIN = (16, 16, 32, 64)  # channels of the stem and of the stages


def _basic_block(ins: int, outs: int, stride: int) -> Residual:
    """Two 3x3 convolutions, added to the shortcut (arXiv:1512.03385, figure 2).

    Written out, though torchvision has it too (see resnet.py): importing that takes each job a second.
    """
    layers = nn.Sequential(ConvNormReLU(ins, outs, stride=stride), *ConvNorm(outs, outs))
    return Residual(layers, ins, outs, stride)


def _resnet(
    in_channels: int, num_classes: int, width: float, *, depth: int, channels: tuple[int, int, int, int]
) -> StagedNet:
    """A network of `depth` = 6n + 2 weight layers, shortcuts apart; `channels` of the stem and the stages.

    Weights are drawn as PyTorch draws them; RepDistiller draws those of convolutions as He et al. (fan-out).
    """
    channels = [*map(Scale(width), channels)]
    stem = ConvNormReLU(in_channels, channels[0])
    return residual_net(stem, _basic_block, channels, 3 * [(depth - 2) // 6], num_classes)


def resnet8(in_channels: int, num_classes: int, *, width: Width = 1.0) -> StagedNet:
    """ResNet-8, `resnet20` with one block a stage.

    CIFAR form: the only one. 78,042 parameters for 3 channels and 10 classes (83,892 for 100); the stages
    put out, for 32x32 pixels, 16x32x32, 32x16x16 and 64x8x8.
    """
    return _resnet(in_channels, num_classes, width, depth=8, channels=_THIN)


def resnet14(in_channels: int, num_classes: int, *, width: Width = 1.0) -> StagedNet:
    """ResNet-14, `resnet20` with two blocks a stage.

    CIFAR form: the only one. 175,258 parameters for 3 channels and 10 classes (181,108 for 100); the stages
    put out, for 32x32 pixels, 16x32x32, 32x16x16 and 64x8x8.
    """
    return _resnet(in_channels, num_classes, width, depth=14, channels=_THIN)


def resnet20(in_channels: int, num_classes: int, *, width: Width = 1.0) -> StagedNet:
    """ResNet-20 of He, Zhang, Ren & Sun 2015, Deep Residual Learning, arXiv:1512.03385 (table 6).

    Three blocks a stage. As all of this file, RepDistiller's form: where shapes change, the shortcut is
    a 1x1 convolution with norm, the paper's option B. The paper has option A on CIFAR: every other pixel, and
    zeros for the new channels, which saves 2,752 parameters whatever the depth.

    CIFAR form: the only one. 272,474 parameters for 3 channels and 10 classes (278,324 for 100); the stages
    put out, for 32x32 pixels, 16x32x32, 32x16x16 and 64x8x8.
    """
    return _resnet(in_channels, num_classes, width, depth=20, channels=_THIN)


def resnet32(in_channels: int, num_classes: int, *, width: Width = 1.0) -> StagedNet:
    """ResNet-32 of He et al. 2015, arXiv:1512.03385 (table 6): `resnet20` with five blocks a stage.

    CIFAR form: the only one. 466,906 parameters for 3 channels and 10 classes (472,756 for 100); the stages
    put out, for 32x32 pixels, 16x32x32, 32x16x16 and 64x8x8.
    """
    return _resnet(in_channels, num_classes, width, depth=32, channels=_THIN)


def resnet44(in_channels: int, num_classes: int, *, width: Width = 1.0) -> StagedNet:
    """ResNet-44 of He et al. 2015, arXiv:1512.03385 (table 6): `resnet20` with seven blocks a stage.

    CIFAR form: the only one. 661,338 parameters for 3 channels and 10 classes (667,188 for 100); the stages
    put out, for 32x32 pixels, 16x32x32, 32x16x16 and 64x8x8.
    """
    return _resnet(in_channels, num_classes, width, depth=44, channels=_THIN)


def resnet56(in_channels: int, num_classes: int, *, width: Width = 1.0) -> StagedNet:
    """ResNet-56 of He et al. 2015, arXiv:1512.03385 (table 6): `resnet20` with nine blocks a stage.

    CIFAR form: the only one. 855,770 parameters for 3 channels and 10 classes (861,620 for 100); the stages
    put out, for 32x32 pixels, 16x32x32, 32x16x16 and 64x8x8.
    """
    return _resnet(in_channels, num_classes, width, depth=56, channels=_THIN)


def resnet110(in_channels: int, num_classes: int, *, width: Width = 1.0) -> StagedNet:
    """ResNet-110 of He et al. 2015, arXiv:1512.03385 (table 6): `resnet20` with eighteen blocks a stage.

    CIFAR form: the only one. 1,730,714 parameters for 3 channels and 10 classes (1,736,564 for 100); the
    stages put out, for 32x32 pixels, 16x32x32, 32x16x16 and 64x8x8.
    """
    return _resnet(in_channels, num_classes, width, depth=110, channels=_THIN)


def resnet8x4(in_channels: int, num_classes: int, *, width: Width = 1.0) -> StagedNet:
    """ResNet-8x4 of Tian, Krishnan & Isola 2020, Contrastive Representation Distillation, arXiv:1910.10699.

    The CIFAR networks of He et al. 2015 (arXiv:1512.03385, section 4.2) with one block a stage, the stages
    four times as wide and the stem twice; where shapes change, the shortcut is a 1x1 convolution with norm
    (that paper's option B) instead of zero padding. A usual student of `resnet32x4`.

    CIFAR form: the only one. 1,210,410 parameters for 3 channels and 10 classes (1,233,540 for 100); the
    stages put out, for 32x32 pixels, 64x32x32, 128x16x16 and 256x8x8.
    """
    return _resnet(in_channels, num_classes, width, depth=8, channels=(32, 64, 128, 256))


def resnet32x4(in_channels: int, num_classes: int, *, width: Width = 1.0) -> StagedNet:
    """ResNet-32x4 of Tian, Krishnan & Isola 2020, Contrastive Representation Distillation, arXiv:1910.10699.

    `resnet8x4` with five blocks a stage instead of one. A usual teacher.

    CIFAR form: the only one. 7,410,730 parameters for 3 channels and 10 classes (7,433,860 for 100); the
    stages put out, for 32x32 pixels, 64x32x32, 128x16x16 and 256x8x8.
    """
    return _resnet(in_channels, num_classes, width, depth=32, channels=(32, 64, 128, 256))
