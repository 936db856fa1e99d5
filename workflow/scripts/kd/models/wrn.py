"""Wide residual networks."""

from torch import nn

from kd.models.layers.blocks import residual_net
from kd.models.layers.staged import Scale, StagedNet
from kd.models.preact_resnet import PreActBlock
from kd.settings.types import Width


def _wrn(in_channels: int, num_classes: int, width: float, *, depth: int, wider: int) -> StagedNet:
    """WRN-depth-wider (arXiv:1605.07146, table 1): n blocks a stage make `depth` = 6n + 4.

    The paper counts convolutions: the stem's, the blocks' 6n and the three of shortcuts. Its blocks are
    "B(3,3)" (figure 1a), without dropout.

    The last stage ends with the norm and ReLU ahead of the pooling, so that what it puts out is what the
    classifier sees, as srrl, simkd, rkd, pkt and crd need it. In RepDistiller, in mdistiller and in the code
    of AT's authors the last maps are the sum ahead of that norm. Weights are drawn as PyTorch draws them;
    RepDistiller draws those of convolutions from N(0, sqrt(2 / n)).
    """
    channels = [*map(Scale(width), (16, 16 * wider, 32 * wider, 64 * wider))]
    stem = nn.Conv2d(in_channels, channels[0], 3, padding=1, bias=False)
    network = residual_net(stem, PreActBlock, channels, 3 * [(depth - 4) // 6], num_classes)
    network.stages[-1].extend([nn.BatchNorm2d(channels[-1]), nn.ReLU(inplace=True)])
    return network


def wrn_16_1(in_channels: int, num_classes: int, *, width: Width = 1.0) -> StagedNet:
    """WRN-16-1 of Zagoruyko & Komodakis 2016, Wide Residual Networks, arXiv:1605.07146 (table 1).

    Two pre-activation blocks a stage, each of two 3x3 convolutions ("B(3,3)"), without dropout. The norm and
    ReLU that follow an addition belong to the next block, so the first two stages put out sums, of either
    sign; the last one ends with a norm and a ReLU of its own.

    CIFAR form: the only one. 175,066 parameters for 3 channels and 10 classes (180,916 for 100); the stages
    put out, for 32x32 pixels, 16x32x32, 32x16x16 and 64x8x8.
    """
    return _wrn(in_channels, num_classes, width, depth=16, wider=1)


def wrn_16_2(in_channels: int, num_classes: int, *, width: Width = 1.0) -> StagedNet:
    """WRN-16-2 of Zagoruyko & Komodakis 2016, Wide Residual Networks, arXiv:1605.07146 (table 1).

    `wrn_16_1` with stages twice as wide; the stem is as there. A usual student of `wrn_40_2`.

    CIFAR form: the only one. 691,674 parameters for 3 channels and 10 classes (703,284 for 100); the stages
    put out, for 32x32 pixels, 32x32x32, 64x16x16 and 128x8x8.
    """
    return _wrn(in_channels, num_classes, width, depth=16, wider=2)


def wrn_40_1(in_channels: int, num_classes: int, *, width: Width = 1.0) -> StagedNet:
    """WRN-40-1 of Zagoruyko & Komodakis 2016, Wide Residual Networks, arXiv:1605.07146 (table 1).

    `wrn_16_1` with six blocks a stage. A usual student of `wrn_40_2`.

    CIFAR form: the only one. 563,930 parameters for 3 channels and 10 classes (569,780 for 100); the stages
    put out, for 32x32 pixels, 16x32x32, 32x16x16 and 64x8x8.
    """
    return _wrn(in_channels, num_classes, width, depth=40, wider=1)


def wrn_40_2(in_channels: int, num_classes: int, *, width: Width = 1.0) -> StagedNet:
    """WRN-40-2 of Zagoruyko & Komodakis 2016, Wide Residual Networks, arXiv:1605.07146 (table 1).

    `wrn_16_1` with six blocks a stage, and stages twice as wide; the stem is as there. A usual teacher.

    CIFAR form: the only one. 2,243,546 parameters for 3 channels and 10 classes (2,255,156 for 100); the
    stages put out, for 32x32 pixels, 32x32x32, 64x16x16 and 128x8x8.
    """
    return _wrn(in_channels, num_classes, width, depth=40, wider=2)
