"""Logits that a run has written, read piece by piece: of many images and classes they are gigabytes."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from kd.io.arrays import read_logits

NUMBERS = 2**20  # in a piece, which is in memory as float64 a few times over


def open_logits(path: Path, samples: int, classes: int) -> np.ndarray | None:
    """Logits (samples, classes) float, mapped into memory; None of a file that holds none, (0, classes).

    Raises UserError naming the file if it is not whole or of another shape.
    """
    logits = read_logits(path, samples, classes, may_be_empty=True)
    return logits if len(logits) else None


def pieces(*arrays: np.ndarray) -> Iterator[tuple[Tensor, ...]]:
    """Logits (N, classes) of the same samples as float64, some rows of each at a time."""
    rows = max(1, NUMBERS // arrays[0].shape[1])
    for first in range(0, len(arrays[0]), rows):
        yield tuple(torch.from_numpy(array[first : first + rows].astype(np.float64)) for array in arrays)


def entropies(logits: np.ndarray) -> np.ndarray:
    """Entropy in nats of each sample's probabilities: (N,) float64. logits: (N, classes)."""
    logarithms = (functional.log_softmax(piece, dim=1) for (piece,) in pieces(logits))
    return torch.cat([-(part.exp() * part).sum(1) for part in logarithms]).numpy()


def predictions(logits: np.ndarray) -> np.ndarray:
    """The class of the highest logit of each sample: (N,) int64. logits: (N, classes)."""
    return torch.cat([piece.argmax(1) for (piece,) in pieces(logits)]).numpy()
