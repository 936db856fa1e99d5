"""Samples of 100 and 1,000 classes: pairs and triples of photographs, each of the classes of all of them."""

import torch
from torch import Tensor


def drawn(count: int, photographs: int, first: int, last: int, draw: torch.Generator) -> Tensor:
    """Random pairs or triples of the photographs `first` to before `last`: (count, photographs) int64."""
    return torch.randint(first, last, (count, photographs), generator=draw)


def joined(logits: Tensor, chosen: Tensor) -> Tensor:
    """Sums of the logits (N, C) of the photographs `chosen` (n, p): (n, C^p), the first class counts most."""
    whole = logits[chosen[:, 0]]
    for column in chosen.T[1:]:
        whole = (whole[:, :, None] + logits[column][:, None, :]).flatten(1)
    return whole


def joined_labels(labels: Tensor, chosen: Tensor, classes: int) -> Tensor:
    """The classes (n,) int64 of the photographs `chosen` (n, p), whose labels (N,) are below `classes`."""
    whole = labels[chosen[:, 0]]
    for column in chosen.T[1:]:
        whole = whole * classes + labels[column]
    return whole
