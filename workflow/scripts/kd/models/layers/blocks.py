"""Parts that several families of networks are made of."""

from torch import Tensor, nn

from kd.models.layers.staged import ConvNormReLU


class Shortcut(nn.Sequential):
    """A 1x1 convolution with norm where the shapes of input and output differ, else nothing.

    Option B of arXiv:1512.03385 (section 3.3).
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int):
        super().__init__()
        if stride != 1 or in_channels != out_channels:
            self.append(nn.Conv2d(in_channels, out_channels, 1, stride, bias=False))
            self.append(nn.BatchNorm2d(out_channels))


class SqueezeExcite(nn.Module):
    """Weights each channel by what the means of all channels say (arXiv:1709.01507, equations 2 to 4).

    `squeezed` is the number of channels in between, `activation` what follows them.
    """

    def __init__(self, channels: int, squeezed: int, activation: type[nn.Module] = nn.ReLU):
        super().__init__()
        self.gate = nn.Sequential(
            nn.Conv2d(channels, squeezed, 1), activation(), nn.Conv2d(squeezed, channels, 1), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same."""
        return x * self.gate(x.mean(dim=(2, 3), keepdim=True))


class GroupedBottleneck(nn.Module):
    """1x1, grouped 3x3, 1x1, added to the shortcut (arXiv:1611.05431, figure 3c).

    `inner` channels, a multiple of `groups`, go through the 3x3 convolution, which also has the stride.
    `squeezed` channels of a SqueezeExcite follow it (arXiv:2003.13678, section 4: the Y of RegNetY); 0: none.
    """

    def __init__(
        self, in_channels: int, inner: int, out_channels: int, stride: int, *, groups: int, squeezed: int = 0
    ):
        super().__init__()
        self.residual = nn.Sequential(
            ConvNormReLU(in_channels, inner, 1),
            ConvNormReLU(inner, inner, stride=stride, groups=groups),
            *([SqueezeExcite(inner, squeezed)] if squeezed else []),
            nn.Conv2d(inner, out_channels, 1, bias=False),
            nn.BatchNorm2d(out_channels),
        )
        self.shortcut = Shortcut(in_channels, out_channels, stride)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, out, H/stride, W/stride)."""
        return self.relu(self.residual(x) + self.shortcut(x))
