"""What a run shows of its training images: a function of (row, sample), which a teacher's targets go by.

A *row* is a view's number where views are finite, one of `views` versions where the study numbers them, and
else the epoch: then what is shown is drawn by visit, and each seed has rows of its own.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kd.data.augmentation import Augmentation
from kd.data.sampler import rows_seen, version_views, views_seen, visit_views


@dataclass(frozen=True)
class Shown:
    """What is shown of B samples."""

    views: Tensor  # (B,) int64, the numbers of their views

    @classmethod
    def of(cls, views: "Shown | Tensor | int", samples: Tensor) -> "Shown":
        """From views (B,) int64, or one for all, of the samples (B,); what is a Shown stays."""
        if isinstance(views, Shown):
            return views
        return cls(torch.as_tensor(views, device=samples.device).expand_as(samples))

    def __getitem__(self, places: Tensor) -> "Shown":
        """What is shown of the samples at these places."""
        return Shown(self.views[places])

    def to(self, device: torch.device) -> "Shown":
        """The same on another device."""
        return Shown(self.views.to(device))

    def copy_(self, other: "Shown") -> None:
        """Take over the numbers of another one; all tensors stay where they are."""
        self.views.copy_(other.views)


@dataclass(frozen=True)
class Rows:
    """The rows of a run with this seed on `samples` training images."""

    augmentation: Augmentation
    seed: int
    samples: int

    @property
    def shared(self) -> bool:
        """Whether runs of all seeds and lengths have the same rows."""
        return self.augmentation.finite

    def count(self, epochs: int) -> int:
        """How many rows there are for a run of so many epochs."""
        return self.augmentation.count if self.shared else epochs

    def of_epoch(self, epoch: int) -> np.ndarray:
        """The row of every sample in `epoch` (0-based): (N,) int64."""
        how = self.augmentation
        if not self.shared:
            return np.full(self.samples, epoch, dtype=np.int64)
        if how.views:
            return rows_seen(self.seed, epoch, self.samples, how.views)
        return views_seen(self.seed, epoch, self.samples, how.count)

    def needed(self, epochs: int) -> np.ndarray:
        """Which (row, sample) a run of so many epochs sees: (rows, N) bool."""
        needed = np.zeros((self.count(epochs), self.samples), dtype=bool)
        for epoch in range(epochs):
            needed[self.of_epoch(epoch), np.arange(self.samples)] = True
        return needed

    def shown(self, rows: np.ndarray, samples: np.ndarray) -> Shown:
        """What is shown of samples (B,) int64 in these rows (B,) int64, in host memory."""
        how = self.augmentation
        if how.views:
            views = version_views(rows, samples, how.numbers)
        elif self.shared:
            views = rows
        else:
            views = visit_views(self.seed, rows, samples, how.numbers)
        return Shown(torch.from_numpy(views))

    def shown_in(self, epoch: int) -> Shown:
        """What `epoch` (0-based) shows of every sample, in host memory."""
        return self.shown(self.of_epoch(epoch), np.arange(self.samples))
