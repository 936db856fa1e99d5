"""The pixels of an image's numbered views (see augmentation.py), as batched operations on a device."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kd.data.augment.mixing import mix
from kd.data.augment.pipeline import Pipeline
from kd.data.augmentation import Augmentation
from kd.data.rows import Shown


class ViewedImages:
    """Images on a device, from which any (sample, view) can be taken as a normalised batch.

    images: (N, H, W, C) uint8. mean, std: per channel, in units of [0, 1].
    """

    def __init__(
        self, images: Tensor, augmentation: Augmentation, mean: Sequence[float], std: Sequence[float]
    ) -> None:
        self.device = device = images.device
        self.samples, self.height, self.width = images.shape[:3]
        self.augmentation, self.plain = augmentation, augmentation.plain
        self._images = images
        self._pipeline = Pipeline(augmentation, self.height, self.width, device)
        self._mean = torch.tensor(mean, device=device) * 255
        self._scale = 1 / (torch.tensor(std, device=device) * 255)

    def take(self, indices: Tensor, shown: Shown | Tensor | int) -> Tensor:
        """Samples (B,) int64 in what is shown of them, or in these views (B,) int64, or in one for all.

        What a view shows, kd.data.augment.pipeline says. Returns (B, C, H, W) float32, channels last in
        memory.
        """
        shown = Shown.of(shown, indices)
        return self.show(self.raw(shown.read(indices)), shown)[0]

    def show(self, pixels: Tensor, shown: Shown) -> tuple[Tensor, Tensor | None]:
        """The same, of samples whose pixels (B, H, W, C) uint8 are at hand, behind them those of partners.

        And where two samples are mixed the share of each sample's own label: (B,) float32.
        """
        images = self._finished(pixels, shown.all_views)
        if shown.mixed is None:
            return images, None
        return mix(*images.chunk(2), shown.mixed)

    def _finished(self, pixels: Tensor, views: Tensor | None) -> Tensor:
        if views is None:
            return self.normalise(pixels)
        return self._pipeline.erase(self.normalise(self._pipeline.pixels(pixels, views)), views)

    def pixels(self, indices: Tensor, shown: Shown | Tensor | int) -> Tensor:
        """The same as (B, H, W, C), 0 to 255: uint8, or float32 where levels are no whole numbers."""
        shown = Shown.of(shown, indices)
        if shown.is_plain:
            return self.raw(indices)
        if shown.mixed is None and not self._pipeline.erases:
            return self._pipeline.pixels(self.raw(indices), shown.views)
        return self.take(indices, shown).permute(0, 2, 3, 1) / self._scale + self._mean

    def raw(self, indices: Tensor) -> Tensor:
        """The samples (B,) int64 as they are: (B, H, W, C) uint8 on the device."""
        return self._images[indices]

    def normalise(self, pixels: Tensor) -> Tensor:
        """Pixels (B, H, W, C), 0 to 255, as a network takes them: (B, C, H, W) float32."""
        return ((pixels - self._mean) * self._scale).permute(0, 3, 1, 2)

    def prefetch(self, batches: Sequence[np.ndarray], room: int) -> Iterator[Tensor | None]:
        """What `raw` would give of each of the batches (B,) int64, read ahead; here none has to be.

        `room`: samples in the largest batch there will ever be.
        """
        return (None for _ in batches)

    def read_ahead(self, batches: Sequence[Tensor]) -> Iterator[Tensor]:
        """What `raw` gives of each of the batches (B,) int64, read ahead where it has to be read."""
        return map(self.raw, batches)


@dataclass(frozen=True)
class Split:
    """One split on a device: images and labels (N,) int64."""

    images: ViewedImages
    labels: Tensor
