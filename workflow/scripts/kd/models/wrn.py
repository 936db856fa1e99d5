"""Wide residual networks."""

from torch import Tensor, nn

from kd.models.layers.staged import Scale, StagedNet
from kd.settings.types import Width


class _Block(nn.Module):
    """Norm-ReLU-conv twice, added to the shortcut: "B(3,3)" of arXiv:1605.07146 (figure 1a), without dropout.

    Written out, though preact_resnet.py has such a block too: a change there concerns no job of these.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int):
        super().__init__()
        self.activate = nn.Sequential(nn.BatchNorm2d(in_channels), nn.ReLU(inplace=True))
        self.projection = (
            nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)
            if stride != 1 or in_channels != out_channels
            else None
        )
        self.residual = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, out, H/stride, W/stride)."""
        active = self.activate(x)
        return self.residual(active) + (x if self.projection is None else self.projection(active))


def _stage(in_channels: int, out_channels: int, stride: int, blocks: int) -> nn.Sequential:
    rest = (_Block(out_channels, out_channels, 1) for _ in range(blocks - 1))
    return nn.Sequential(_Block(in_channels, out_channels, stride), *rest)


def _wrn(in_channels: int, num_classes: int, width: float, *, depth: int, wider: int) -> StagedNet:
    """WRN-depth-wider (arXiv:1605.07146, table 1): n blocks a stage make `depth` = 6n + 4.

    The paper counts convolutions: the stem's, the blocks' 6n and the three of shortcuts.
    """
    blocks = (depth - 4) // 6
    c0, c1, c2, c3 = map(Scale(width), (16, 16 * wider, 32 * wider, 64 * wider))
    stages = [
        nn.Sequential(nn.Conv2d(in_channels, c0, 3, padding=1, bias=False), _stage(c0, c1, 1, blocks)),
        _stage(c1, c2, 2, blocks),
        _stage(c2, c3, 2, blocks).extend([nn.BatchNorm2d(c3), nn.ReLU(inplace=True)]),
    ]
    return StagedNet(stages, c3, num_classes)


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
