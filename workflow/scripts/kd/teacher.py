"""A teacher's answers during a student's training, stored or computed on the spot.

Both kinds answer the same two calls: `start_epoch(views)` with the view (N,) of every sample, and
`answer(images, indices)` for a batch of exactly these views.
"""

from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from kd.contract import Answer
from kd.errors import UserError


class Teacher(Protocol):
    """What the engine asks of a teacher."""

    def start_epoch(self, views: np.ndarray) -> None:
        """Announce the view of every sample: (N,) int64."""

    def answer(self, images: Tensor, indices: Tensor) -> Answer:
        """Of the images (B, C, H, W), which are the samples `indices` (B,) int64."""


class LiveTeacher:
    """Runs the network beside the student, in eval mode and without gradients; `stages` if asked for."""

    def __init__(self, network: nn.Module, *, stages: bool = False) -> None:
        self._network = network.eval().requires_grad_(False)
        self._stages = stages

    def start_epoch(self, views: np.ndarray) -> None:
        """Nothing to prepare: the images carry their views."""

    def answer(self, images: Tensor, indices: Tensor) -> Answer:
        """The network's answer to the very images that the student sees."""
        with torch.no_grad():
            if not self._stages:
                return Answer(self._network(images).float())
            stages, logits = self._network.forward_stages(images)
            return Answer(logits.float(), tuple(stage.float() for stage in stages))


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

    def answer(self, images: Tensor, indices: Tensor) -> Answer:
        """The stored logits; the images are not looked at."""
        return Answer(self._epoch[indices])
