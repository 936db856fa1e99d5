"""Several teachers as one: the weighted mean of their logits."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def mean_of(logits: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """The mean of logits (B, classes), each with its weight, whatever these add up to.

    Hinton et al. 2015 (arXiv:1503.02531, section 1) let a student learn from the arithmetic or geometric mean
    of several predictions; the mean of logits is the geometric one, up to its normalisation, and so leaves
    the temperature to the student's method.
    """
    total = sum(weights)
    weighted = [weight / total * member for weight, member in zip(weights, logits, strict=True)]
    return torch.stack(weighted).sum(0)


class Ensemble(nn.Module):
    """Networks of the same classes, whose logits are averaged."""

    def __init__(self, networks: Sequence[nn.Module], weights: Sequence[float]) -> None:
        super().__init__()
        self.networks, self.weights = nn.ModuleList(networks), tuple(weights)

    def forward_members(self, images: Tensor) -> list[Tensor]:
        """The logits (B, classes) of each network."""
        return [network(images) for network in self.networks]

    def forward(self, images: Tensor) -> Tensor:
        """The mean of all, (B, classes)."""
        return mean_of(self.forward_members(images), self.weights)
