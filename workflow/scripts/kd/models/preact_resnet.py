"""Pre-activation residual networks."""

from torch import Tensor, nn

from kd.models.staged import Scale, StagedNet
from kd.options import Width


class _PreActBlock(nn.Module):
    """Norm-ReLU-conv twice, added to the shortcut (arXiv:1603.05027, figure 4e)."""

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
        # Only a raw x keeps the identity path clear (section 3); a projection breaks it anyway.
        shortcut = x if self.projection is None else self.projection(active)
        return shortcut + self.residual(active)


def _two_blocks(in_channels: int, out_channels: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        _PreActBlock(in_channels, out_channels, stride), _PreActBlock(out_channels, out_channels, 1)
    )


def preact_resnet18(in_channels: int, num_classes: int, *, width: Width = 1.0) -> StagedNet:
    """ResNet-18 of He, Zhang, Ren & Sun 2016, Identity Mappings in Deep Residual Networks, arXiv:1603.05027.

    CIFAR form (pytorch-cifar): the stem is one bare 3x3 convolution of stride 1, and the norm and ReLU that
    the paper puts before the pooling are left out. 11,171,146 parameters for 3 channels and 10 classes; the
    stages put out, for 32x32 pixels, 64x32x32, 128x16x16, 256x8x8 and 512x4x4 (of either sign: no ReLU).
    """
    c1, c2, c3, c4 = map(Scale(width), (64, 128, 256, 512))
    stages = [
        nn.Sequential(nn.Conv2d(in_channels, c1, 3, padding=1, bias=False), _two_blocks(c1, c1, 1)),
        _two_blocks(c1, c2, 2),
        _two_blocks(c2, c3, 2),
        _two_blocks(c3, c4, 2),
    ]
    return StagedNet(stages, c4, num_classes)
