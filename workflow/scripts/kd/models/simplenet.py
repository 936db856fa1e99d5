"""SimpleNet: thirteen plain convolutions."""

from torch import Tensor, nn

from kd.models.layers.staged import ConvNormReLU, Scale, StagedNet
from kd.settings.types import Width

# Channels of the convolutions between one pooling and the next (arXiv:1608.06037, figure 1).
_STAGES = ((64, 128, 128, 128), (128, 128, 256), (256, 256), (512, 2048, 256), (256,))
_POINTWISE = ((3, 1), (3, 2))  # (stage, place) of the two 1x1 convolutions; the others are 3x3
_DROPOUT = 0.1


class _GlobalMax(nn.Module):
    """(B, C, H, W) -> (B, C, 1, 1); torch's AdaptiveMaxPool2d has no deterministic gradient on CUDA."""

    def forward(self, x: Tensor) -> Tensor:
        return x.amax(dim=(2, 3), keepdim=True)


def simplenet(in_channels: int, num_classes: int, *, width: Width = 1.0) -> StagedNet:
    """SimpleNet of Hasanpour et al. 2016, Lets Keep it Simple, arXiv:1608.06037 (the network for CIFAR).

    Whole channels are dropped with probability 0.1, after each pooling and ahead of the classifier, as in the
    authors' own code; so what the last stage puts out has them dropped already. A global maximum ends that
    stage, so that the average which follows changes nothing.

    CIFAR form: the only one; pooling rounds up, for which a 1x1 map stays 1x1. 5,498,378 parameters for 3
    channels and 10 classes, of which the paper's 5.48 million are weights of convolutions and the classifier;
    the stages put out, for 32x32 pixels, 128x32x32, 256x16x16, 256x8x8, 256x4x4 and 256x1x1.
    """
    scale = Scale(width)
    stages = []
    for number, row in enumerate(_STAGES):
        stage = nn.Sequential()
        if number:
            stage.extend([nn.MaxPool2d(2, ceil_mode=True), nn.Dropout2d(_DROPOUT)])
        for place, outs in enumerate(map(scale, row)):
            kernel = 1 if (number, place) in _POINTWISE else 3
            stage.append(ConvNormReLU(in_channels, outs, kernel, bias=True))
            in_channels = outs
        stages.append(stage)
    stages[-1].extend([_GlobalMax(), nn.Dropout2d(_DROPOUT)])
    return StagedNet(stages, in_channels, num_classes)
