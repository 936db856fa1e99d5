"""What every architecture is made of: a chain of stages, a global average and a linear classifier.

A stage is all layers that work at one resolution, and whatever halves the resolution opens the next stage.
So stage i of two different networks has (nearly always) maps of equal size, which is what a distillation
method that compares features needs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

FEWEST_CHANNELS = 4  # a tiny width must not leave a layer with one channel, or none


@dataclass(frozen=True)
class Scale:
    """Channel counts of a network whose every layer is `width` times as wide as published."""

    width: float

    def __call__(self, channels: int) -> int:
        """`channels` times the width, rounded; width 1 always gives `channels` back, however few."""
        return max(round(channels * self.width), min(channels, FEWEST_CHANNELS))


class ConvNorm(nn.Sequential):
    """Convolution that keeps the resolution (at stride 1), and batch norm (arXiv:1502.03167).

    Batch norm subtracts any bias again; `bias` is there for the networks whose CIFAR form carries one.
    """

    def __init__(
        self, ins: int, outs: int, kernel: int = 3, *, stride: int = 1, groups: int = 1, bias: bool = False
    ):
        conv = nn.Conv2d(ins, outs, kernel, stride, kernel // 2, groups=groups, bias=bias)
        super().__init__(conv, nn.BatchNorm2d(outs))


class ConvNormReLU(ConvNorm):
    """The same, and ReLU."""

    def __init__(self, ins: int, outs: int, kernel: int = 3, **options: int):
        super().__init__(ins, outs, kernel, **options)
        self.append(nn.ReLU(inplace=True))


class StagedNet(nn.Module):
    """A classifier of images: `stages` in order, global average pooling, a linear layer.

    `features` is the number of channels that the last stage puts out. Images have 8 to 64 pixels a side.
    At 8 pixels the last maps may be 1x1, and then batch norm needs two images or more in train mode: torch
    raises ValueError for one.
    """

    def __init__(self, stages: Sequence[nn.Module], features: int, num_classes: int):
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.classifier = nn.Linear(features, num_classes)

    def forward_stages(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        """Every stage's output, each (B, C_i, H_i, W_i) float, and the logits (B, num_classes) float.

        `x` is (B, in_channels, H, W) float. Later stages leave the returned maps as they were put out.
        """
        outputs = []
        for stage in self.stages:
            x = stage(x)
            outputs.append(x)
        return outputs, self.classifier(x.mean(dim=(2, 3)))  # (B, C, H, W) -> (B, C) -> (B, num_classes)

    def forward_after(self, number: int, maps: Tensor) -> tuple[list[Tensor], Tensor]:
        """As `forward_stages`, for what stage `number` might have put out: later stages' outputs, and logits.

        `maps` is (B, C, H, W) float of that stage's shape.
        """
        outputs = []
        for stage in self.stages[number + 1 :]:
            maps = stage(maps)
            outputs.append(maps)
        return outputs, self.classifier(maps.mean(dim=(2, 3)))

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, num_classes) float of images (B, in_channels, H, W) float."""
        return self.forward_stages(x)[1]
