"""EfficientNets."""

from torch import Tensor, nn
from torch.nn import functional

from kd.models.layers.blocks import SqueezeExcite
from kd.models.layers.staged import FEWEST_CHANNELS, ConvNorm, Scale, StagedNet
from kd.settings.types import Width

# Table 1 of arXiv:1905.11946, stages 2 to 8: expansion, channels, layers, kernel, stride.
_ROWS = (
    (1, 16, 1, 3, 1),
    (6, 24, 2, 3, 2),
    (6, 40, 2, 5, 2),
    (6, 80, 3, 3, 2),
    (6, 112, 3, 5, 1),
    (6, 192, 4, 5, 2),
    (6, 320, 1, 3, 1),
)
_LAYERS = sum(row[2] for row in _ROWS)
_DROP = 0.2  # both of the classifier's input and, growing from 0 at the first layer, of whole layers


def _conv(ins: int, outs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Convolution, norm and SiLU (arXiv:1710.05941, there called Swish)."""
    return ConvNorm(ins, outs, kernel, stride=stride, groups=groups).append(nn.SiLU(inplace=True))


class _MBConv(nn.Module):
    """Wide inside, narrow outside (arXiv:1801.04381, figure 3b), with squeeze-and-excitation.

    Where the shapes of input and output agree, the input is added; then, in train mode, each image goes
    without the rest of the layer with probability `drop` (stochastic depth, arXiv:1603.09382).
    """

    def __init__(self, ins: int, outs: int, expansion: int, kernel: int, stride: int, drop: float):
        super().__init__()
        inner = expansion * ins
        self.body = nn.Sequential(
            *([_conv(ins, inner, 1)] if expansion > 1 else []),
            _conv(inner, inner, kernel, stride, groups=inner),
            SqueezeExcite(inner, max(ins // 4, FEWEST_CHANNELS), nn.SiLU),
            *ConvNorm(inner, outs, 1),
        )
        self.adds = stride == 1 and ins == outs
        self.drop = drop

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, out, H/stride, W/stride)."""
        out = self.body(x)
        if not self.adds:
            return out
        # Zeros, or what keeps the mean: drawn by torch's generators, as any dropout is.
        kept = functional.dropout(x.new_ones(len(x), 1, 1, 1), self.drop, self.training)
        return x + kept * out


def efficientnet_b0(in_channels: int, num_classes: int, *, width: Width = 1.0) -> StagedNet:
    """EfficientNet-B0 of Tan & Le 2019, EfficientNet: Rethinking Model Scaling, arXiv:1905.11946 (table 1).

    It has the paper's stochastic depth (up to 0.2, growing with the depth) and dropout (0.2) ahead of the
    classifier. The average of the maps keeps or loses a channel as a whole, so the last stage's output has
    its channels dropped already.

    CIFAR form (pytorch-cifar): the stem has stride 1, and the last 1x1 convolution to 1280 channels is left
    out. 3,598,598 parameters for 3 channels and 10 classes (pytorch-cifar counts 1,088 more, of a layer that
    it does not run); the stages put out, for 32x32 pixels, 16x32x32, 24x16x16, 40x8x8, 112x4x4 and 320x2x2
    (of either sign: no activation).
    """
    scale = Scale(width)
    channels = scale(32)
    stages = [nn.Sequential(_conv(in_channels, channels, 3))]
    before = 0
    for expansion, outs, layers, kernel, stride in _ROWS:
        if stride == 2:
            stages.append(nn.Sequential())
        for layer in range(layers):
            step = stride if layer == 0 else 1
            drop = _DROP * before / _LAYERS
            stages[-1].append(_MBConv(channels, scale(outs), expansion, kernel, step, drop))
            channels, before = scale(outs), before + 1
    stages[-1].append(nn.Dropout2d(_DROP))
    return StagedNet(stages, channels, num_classes)
