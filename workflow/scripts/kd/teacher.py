"""A teacher's logits during a student's training, stored or computed on the spot.

Both kinds answer the same two calls: `start_epoch(views)` with the view (N,) of every sample, and
`logits(images, indices)` for a batch of exactly these views.
"""

from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from kd.errors import UserError


class Teacher(Protocol):
    """What the engine asks of a teacher."""

    def start_epoch(self, views: np.ndarray) -> None:
        """Announce the view of every sample: (N,) int64."""

    def logits(self, images: Tensor, indices: Tensor) -> Tensor:
        """(B, classes) float32 for the images (B, C, H, W) of the samples `indices` (B,) int64."""


class LiveTeacher:
    """Runs the network beside the student, in eval mode and without gradients."""

    def __init__(self, network: nn.Module) -> None:
        self._network = network.eval().requires_grad_(False)

    def start_epoch(self, views: np.ndarray) -> None:
        """Nothing to prepare: the images carry their views."""

    def logits(self, images: Tensor, indices: Tensor) -> Tensor:
        """The network's answer to the very images that the student sees."""
        with torch.no_grad():
            return self._network(images)


class CachedTeacher:
    """Reads a table (views, samples, classes) float16, NaN where nothing was computed."""

    def __init__(self, table: np.ndarray, device: torch.device) -> None:
        self._table = torch.from_numpy(table)
        self._epoch = torch.empty(table.shape[1:], device=device)  # stays where it is: see step.py

    def start_epoch(self, views: np.ndarray) -> None:
        """Gather the epoch's logits in one go; a sample whose view is missing raises UserError."""
        epoch = self._table[torch.from_numpy(views), torch.arange(len(views))].float()
        missing = epoch.isnan().any(dim=1)
        if missing.any():
            sample = int(missing.nonzero()[0])
            raise UserError(
                f"the teacher's table holds no targets for sample {sample} in view {int(views[sample])}"
                f" ({int(missing.sum())} of {len(views)} missing); delete the teacher's folder below targets/"
                " to have it made again"
            )
        self._epoch.copy_(epoch)

    def logits(self, images: Tensor, indices: Tensor) -> Tensor:
        """The stored answers; the images are not looked at."""
        return self._epoch[indices]
