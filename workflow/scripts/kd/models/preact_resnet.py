"""Pre-activation residual networks."""

from torch import Tensor, nn

from kd.models.layers.blocks import residual_net
from kd.models.layers.staged import Scale, StagedNet
from kd.settings.types import Width


def _norm_relu(channels: int) -> list[nn.Module]:
    return [nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]


class _PreAct(nn.Module):
    """Norm and ReLU, then what is called `residual`, added to the shortcut (arXiv:1603.05027, figure 4e)."""

    expansion: int  # of the channels of its convolutions, but for the last
    residual: nn.Sequential

    def __init__(self, ins: int, outs: int, stride: int):
        super().__init__()
        self.activate = nn.Sequential(*_norm_relu(ins))
        changes = stride != 1 or ins != outs
        self.projection = nn.Conv2d(ins, outs, 1, stride, bias=False) if changes else None

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, out, H/stride, W/stride)."""
        active = self.activate(x)
        # Only a raw x keeps the identity path clear (section 3); a projection breaks it anyway.
        shortcut = x if self.projection is None else self.projection(active)
        return shortcut + self.residual(active)


class PreActBlock(_PreAct):
    """Two 3x3 convolutions."""

    expansion = 1

    def __init__(self, ins: int, outs: int, stride: int):
        super().__init__(ins, outs, stride)
        self.residual = nn.Sequential(
            nn.Conv2d(ins, outs, 3, stride, 1, bias=False),
            *_norm_relu(outs),
            nn.Conv2d(outs, outs, 3, 1, 1, bias=False),
        )


class _PreActBottleneck(_PreAct):
    """1x1, 3x3 and 1x1 convolutions, the first two with a quarter of the channels that come out."""

    expansion = 4

    def __init__(self, ins: int, outs: int, stride: int):
        super().__init__(ins, outs, stride)
        inner = outs // self.expansion
        self.residual = nn.Sequential(
            nn.Conv2d(ins, inner, 1, bias=False),
            *_norm_relu(inner),
            nn.Conv2d(inner, inner, 3, stride, 1, bias=False),
            *_norm_relu(inner),
            nn.Conv2d(inner, outs, 1, bias=False),
        )


def _preact_resnet(
    in_channels: int, num_classes: int, width: float, block: type[_PreAct], blocks: tuple[int, int, int, int]
) -> StagedNet:
    channels = [*map(Scale(width), (64, 128, 256, 512))]
    stem = nn.Conv2d(in_channels, channels[0], 3, padding=1, bias=False)
    outs = [count * block.expansion for count in channels]
    return residual_net(stem, block, (channels[0], *outs), blocks, num_classes)


def preact_resnet18(in_channels: int, num_classes: int, *, width: Width = 1.0) -> StagedNet:
    """ResNet-18 of He, Zhang, Ren & Sun 2016, Identity Mappings in Deep Residual Networks, arXiv:1603.05027.

    CIFAR form (pytorch-cifar): the stem is one bare 3x3 convolution of stride 1, and the norm and ReLU that
    the paper puts before the pooling are left out. 11,171,146 parameters for 3 channels and 10 classes; the
    stages put out, for 32x32 pixels, 64x32x32, 128x16x16, 256x8x8 and 512x4x4 (of either sign: no ReLU).
    """
    return _preact_resnet(in_channels, num_classes, width, PreActBlock, (2, 2, 2, 2))


def preact_resnet34(in_channels: int, num_classes: int, *, width: Width = 1.0) -> StagedNet:
    """ResNet-34 with the blocks of arXiv:1603.05027; see `preact_resnet18`.

    CIFAR form: as of `preact_resnet18`. 21,279,306 parameters for 3 channels and 10 classes; the stages put
    out, for 32x32 pixels, 64x32x32, 128x16x16, 256x8x8 and 512x4x4 (of either sign).
    """
    return _preact_resnet(in_channels, num_classes, width, PreActBlock, (3, 4, 6, 3))


def preact_resnet50(in_channels: int, num_classes: int, *, width: Width = 1.0) -> StagedNet:
    """ResNet-50 with the bottlenecks of arXiv:1603.05027; see `preact_resnet18`.

    CIFAR form: as of `preact_resnet18`. 23,509,066 parameters for 3 channels and 10 classes; the stages put
    out, for 32x32 pixels, 256x32x32, 512x16x16, 1024x8x8 and 2048x4x4 (of either sign).
    """
    return _preact_resnet(in_channels, num_classes, width, _PreActBottleneck, (3, 4, 6, 3))
