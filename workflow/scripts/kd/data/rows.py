"""What a run shows of its training images: a function of (row, sample), which a teacher's targets go by.

A *row* is a view's number where views are finite, one of `views` versions where the study numbers them, and
else the epoch: then what is shown is drawn by visit, and each seed has rows of its own.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kd.data.augment.mixing import Mixed, boxes_of, shares_of
from kd.data.augmentation import PLAIN, Augmentation
from kd.data.sampler import Numbers, below, random_words, rows_seen, visit_views

# Streams of random words for what is drawn of a (row, sample); VERSIONS is added where rows are versions.
VIEW, MIRRORING, PARTNER, PARTNER_VIEW, MIXING, MIXING_KIND, MIXING_BOX = 1, 5, 6, 7, 8, 9, 10
VERSIONS = 16


@dataclass(frozen=True)
class Shown:
    """What is shown of B samples."""

    views: Tensor  # (B,) int64, the numbers of their views
    mixed: Mixed | None = None  # what they are mixed with
    is_plain: bool = False  # whether all are shown as they are

    @classmethod
    def of(cls, views: "Shown | Tensor | int", samples: Tensor) -> "Shown":
        """From views (B,) int64, or one for all, of the samples (B,); what is a Shown stays."""
        if isinstance(views, Shown):
            return views
        plain = isinstance(views, int) and views == PLAIN
        return cls(torch.as_tensor(views, device=samples.device).expand_as(samples), is_plain=plain)

    @property
    def all_views(self) -> Tensor | None:
        """The views of the samples, behind them those of their partners; None where all are plain."""
        if self.mixed:
            return torch.cat([self.views, self.mixed.views])
        return None if self.is_plain else self.views

    def read(self, samples: Tensor) -> Tensor:
        """The samples (B,) that these are, behind them their partners."""
        return torch.cat([samples, self.mixed.partners]) if self.mixed else samples

    def __getitem__(self, places: Tensor) -> "Shown":
        """What is shown of the samples at these places."""
        return Shown(self.views[places], self.mixed and self.mixed[places], self.is_plain)

    def to(self, device: torch.device) -> "Shown":
        """The same on another device."""
        return Shown(self.views.to(device), self.mixed and self.mixed.to(device), self.is_plain)

    def copy_(self, other: "Shown") -> None:
        """Take over the numbers of another one; all tensors stay where they are."""
        self.views.copy_(other.views)
        if self.mixed:
            self.mixed.copy_(other.mixed)


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
        everything = np.arange(self.samples)
        views = visit_views(self.seed, epoch, everything, how.numbers)
        return self._alternating(views, epoch, everything) if how.flip == "alternate" else views

    def needed(self, epochs: int) -> np.ndarray:
        """Which (row, sample) a run of so many epochs sees: (rows, N) bool."""
        needed = np.zeros((self.count(epochs), self.samples), dtype=bool)
        for epoch in range(epochs):
            needed[self.of_epoch(epoch), np.arange(self.samples)] = True
        return needed

    def shown(self, rows: np.ndarray, samples: np.ndarray) -> Shown:
        """What is shown of samples (B,) int64 in these rows (B,) int64, in host memory."""
        how = self.augmentation
        if self.shared and not how.views:
            return Shown(torch.from_numpy(rows))
        views = self._drawn(rows, samples, VIEW)
        if how.flip == "alternate":
            views = self._alternating(views, rows, samples)
        return Shown(torch.from_numpy(views), self._mixed(rows, samples) if how.mixes else None)

    def shown_in(self, epoch: int) -> Shown:
        """What `epoch` (0-based) shows of every sample, in host memory."""
        return self.shown(self.of_epoch(epoch), np.arange(self.samples))

    def _words(self, rows: Numbers, samples: np.ndarray, stream: int) -> np.ndarray:
        """(B,) uint64 of (version, sample) in all runs, or of (seed, epoch, sample)."""
        if self.augmentation.views:
            return random_words(VERSIONS + stream, rows, samples)
        return random_words(stream, self.seed, rows, samples)

    def _drawn(self, rows: np.ndarray, samples: np.ndarray, stream: int) -> np.ndarray:
        return below(self._words(rows, samples, stream), self.augmentation.numbers)

    def _alternating(self, views: np.ndarray, turns: Numbers, samples: np.ndarray) -> np.ndarray:
        """The same views, mirrored in every other turn: an epoch, or a version.

        Jordan 2024 (arXiv:2404.00498), section 3.6: whether the first turn mirrors is drawn for each sample.
        """
        how = self.augmentation
        seed = 0 if how.views else self.seed
        mirrored = (below(random_words(MIRRORING, seed, samples), 2) + turns) % 2
        if how.endless:
            return views - views % 2 + mirrored
        return views % how.positions + how.positions * mirrored

    def _mixed(self, rows: np.ndarray, samples: np.ndarray) -> Mixed:
        """The partners of samples, any of the training images, and their shares."""
        how = self.augmentation
        words = self._words(rows, samples, MIXING)
        cut = np.full(len(samples), bool(how.cutmix))
        if how.mixup and how.cutmix:  # by equal chance
            cut = below(self._words(rows, samples, MIXING_KIND), 2) == 1
        shares = np.zeros(len(samples))
        for chosen, alpha in ((cut, how.cutmix), (~cut, how.mixup)):
            if alpha:
                shares[chosen] = shares_of(words[chosen], alpha)
        numbers = (
            below(self._words(rows, samples, PARTNER), self.samples),
            self._drawn(rows, samples, PARTNER_VIEW),
            shares.astype(np.float32),
            boxes_of(self._words(rows, samples, MIXING_BOX), cut),
        )
        return Mixed(*map(torch.from_numpy, numbers))
