"""Classifiers of a student's stages: Hao et al. 2023 (arXiv:2310.19444), as their code has them."""

from collections.abc import Mapping
from math import gcd, log2

import torch
from torch import Tensor, nn
from torch.nn import functional

from kd.distillation.base import Shape
from kd.distillation.features import pooled

GRID = 7  # patches a side of ImageNet's 224 pixels at the end of a Swin or a CNN
HEADS = 4  # of the attention


class MapProjector(nn.Module):
    """Logits of maps (B, C, H, W): separable convolutions, each of which halves them, and a linear layer.

    `later`: stages that follow, for each of which there is one such block; the last has a 1x1 convolution.
    """

    def __init__(self, shape: Shape, later: int, width: int, classes: int) -> None:
        super().__init__()
        widths = [shape[0] * 2**block for block in range(later)] + [width]
        blocks = [_separable(widths[block], widths[block + 1]) for block in range(later)]
        self.blocks = nn.Sequential(*(blocks or [nn.Conv2d(shape[0], width, 1)]))
        self.classifier = nn.Linear(width, classes)
        self.apply(_initialise)

    def forward(self, maps: Tensor, tokens: Mapping[str, Tensor]) -> Tensor:
        """(B, classes); there are no tokens beside the maps."""
        return self.classifier(pooled(self.blocks(maps)))


def _separable(ins: int, outs: int) -> nn.Sequential:
    """Two depthwise and pointwise convolutions, with norm and ReLU, the first of stride 2."""
    layers: list[nn.Module] = []
    for stride, channels in ((2, ins), (1, outs)):
        layers += [nn.Conv2d(ins, ins, 3, stride, 1, groups=ins, bias=False)]
        layers += [nn.Conv2d(ins, channels, 1, bias=False), nn.BatchNorm2d(channels), nn.ReLU()]
    return nn.Sequential(*layers)


class TokenProjector(nn.Module):
    """Logits of a grid of tokens, as maps (B, C, H, W), and of those beside it.

    Patches are merged until fewer than 14 a side are left, and go through a transformer block for each of
    the stages that follow, at least one. The class token is classified, or where there is none the mean.
    Queries, keys and values have biases, theirs none.
    """

    def __init__(self, shape: Shape, later: int, width: int, classes: int) -> None:
        super().__init__()
        merges = max(int(log2(shape[1] / GRID)), 0) if shape[1] % 2 == 0 else 0
        self.merges = nn.ModuleList(
            _Merge(shape[0] if not number else width, width, last=0 < number == merges - 1)
            for number in range(merges)
        )
        # The authors' students have as many features here as in the end; others are brought to them.
        self.fit = nn.Linear(shape[0], width) if shape[0] != width else nn.Identity()
        block = {"dim_feedforward": 4 * width, "dropout": 0.0, "activation": "gelu", "norm_first": True}
        self.blocks = nn.Sequential(
            *(
                nn.TransformerEncoderLayer(width, gcd(HEADS, width), batch_first=True, **block)
                for _ in range(max(later, 1))
            )
        )
        self.classifier = nn.Linear(width, classes)
        self.apply(_initialise)

    def forward(self, maps: Tensor, tokens: Mapping[str, Tensor]) -> Tensor:
        """(B, classes)."""
        grid = maps.permute(0, 2, 3, 1)
        for merge in self.merges:
            grid = merge(grid)
        patches = (grid if len(self.merges) else self.fit(grid)).flatten(1, 2)
        beside = [self.fit(token)[:, None] for token in tokens.values()]
        seen = self.blocks(torch.cat([*beside, patches], dim=1))
        return self.classifier(seen[:, 0] if beside else seen.mean(dim=1))


class _Merge(nn.Module):
    """Four patches become one: (B, H, W, C) -> (B, H/2, W/2, D)."""

    def __init__(self, ins: int, outs: int, *, last: bool) -> None:
        super().__init__()
        self.norm, self.reduction = nn.LayerNorm(4 * ins), nn.Linear(4 * ins, outs, bias=False)
        self.activation = nn.Identity() if last else nn.GELU()

    def forward(self, grid: Tensor) -> Tensor:
        four = functional.pixel_unshuffle(grid.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)
        return self.activation(self.reduction(self.norm(four)))


def _initialise(module: nn.Module) -> None:
    """As the authors."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.MultiheadAttention):  # its queries, keys and values are no nn.Linear
        nn.init.trunc_normal_(module.in_proj_weight, std=0.02)
