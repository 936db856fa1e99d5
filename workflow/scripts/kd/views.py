"""The finite, numbered set of augmented views of an image, and which of them is seen when.

Padding by p and cropping back gives (2p + 1)² positions, times two with mirroring: 162 views for p = 4.
Which view a sample gets, and in which order samples come, are pure functions of (seed, epoch, sample):
not of batches, workers, devices or what ran before. So a student sees exactly the view whose teacher
logits were stored, and a resumed run sees what an uninterrupted one would have seen.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

_VIEW_STREAM, _ORDER_STREAM = 1, 2  # so that view and order of a sample are unrelated


def _scramble(x: np.ndarray) -> np.ndarray:
    """The output function of SplitMix64 (Steele, Lea & Flood 2014), a bijection of uint64."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _random_words(stream: int, seed: int, epoch: int, samples: int) -> np.ndarray:
    """(samples,) uint64, each a function of (stream, seed, epoch, its own index) only."""
    state = np.zeros(samples, dtype=np.uint64)
    golden = np.uint64(0x9E3779B97F4A7C15)
    for part in (stream, seed, epoch, np.arange(samples, dtype=np.uint64)):
        state = _scramble(state + golden + np.asarray(part, dtype=np.uint64))
    return state


def count_views(pad: int, flip: bool) -> int:
    """How many views an image has."""
    return (2 * pad + 1) ** 2 * (2 if flip else 1)


def views_seen(seed: int, epoch: int, samples: int, views: int) -> np.ndarray:
    """The view of every sample in `epoch` (0-based): (samples,) int64 in [0, views)."""
    return (_random_words(_VIEW_STREAM, seed, epoch, samples) % np.uint64(views)).astype(np.int64)


def order_seen(seed: int, epoch: int, samples: int) -> np.ndarray:
    """The order of the samples in `epoch` (0-based): a permutation, (samples,) int64."""
    return np.argsort(_random_words(_ORDER_STREAM, seed, epoch, samples), kind="stable")


class ViewedImages:
    """Images on a device, from which any (sample, view) can be taken as a normalised batch.

    images: (N, H, W, C) uint8. mean, std: per channel, in units of [0, 1].
    """

    def __init__(
        self, images: Tensor, pad: int, flip: bool, mean: Sequence[float], std: Sequence[float]
    ) -> None:
        device = images.device
        self.samples, self.height, self.width = images.shape[:3]
        self.pad, self.flip = pad, flip
        self.count = count_views(pad, flip)
        self._padded = functional.pad(images, (0, 0, pad, pad, pad, pad))
        self._mean = torch.tensor(mean, device=device) * 255
        self._scale = 1 / (torch.tensor(std, device=device) * 255)
        self._rows = torch.arange(self.height, device=device)
        self._columns = torch.arange(self.width, device=device)

    @property
    def plain(self) -> int:
        """The number of the view that shows the image as it is: centred, not mirrored."""
        return self.pad * (2 * self.pad + 1) + self.pad

    def take(self, indices: Tensor, views: Tensor | int) -> Tensor:
        """Views of samples: indices (B,) int64, views (B,) int64 or one for all.

        View v shows the padded image from row (v mod (2p + 1)²) div (2p + 1) and column v mod (2p + 1),
        and mirrored from (2p + 1)² on. Returns (B, C, H, W) float32, channels last in memory.
        """
        views = torch.as_tensor(views, device=indices.device).expand_as(indices)
        side = 2 * self.pad + 1
        mirrored, position = views // side**2, views % side**2
        rows = (position // side)[:, None] + self._rows
        # Mirroring a crop is reading its columns backwards.
        columns = torch.where(mirrored[:, None] == 1, self._columns.flip(0), self._columns)
        columns = (position % side)[:, None] + columns
        pixels = self._padded[indices[:, None, None], rows[:, :, None], columns[:, None, :]]
        return ((pixels - self._mean) * self._scale).permute(0, 3, 1, 2)
