"""The pixels of an image's numbered views (see numbering.py), as batched operations on a device."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kd.data.crops import PaddedCrops, ResizedCrops


class ViewedImages:
    """Images on a device, from which any (sample, view) can be taken as a normalised batch.

    images: (N, H, W, C) uint8. mean, std: per channel, in units of [0, 1]. With `area`, views are resized
    crops of such shares of the image, and `pad` is not used.
    """

    def __init__(
        self,
        images: Tensor,
        pad: int,
        flip: bool,
        mean: Sequence[float],
        std: Sequence[float],
        area: tuple[float, float] | None = None,
    ) -> None:
        self.device = device = images.device
        self.samples, self.height, self.width = images.shape[:3]
        self._images = images
        self._crops = ResizedCrops(area, flip) if area else PaddedCrops(pad, flip)
        self.count, self.plain = self._crops.count, self._crops.plain
        self._mean = torch.tensor(mean, device=device) * 255
        self._scale = 1 / (torch.tensor(std, device=device) * 255)

    def take(self, indices: Tensor, views: Tensor | int) -> Tensor:
        """Views of samples: indices (B,) int64, views (B,) int64 or one for all.

        What a view shows, kd.data.crops says. Returns (B, C, H, W) float32, channels last in memory.
        """
        return ((self.pixels(indices, views) - self._mean) * self._scale).permute(0, 3, 1, 2)

    def pixels(self, indices: Tensor, views: Tensor | int) -> Tensor:
        """The same views as (B, H, W, C), 0 to 255: uint8, or float32 where they are resized."""
        views = torch.as_tensor(views, device=indices.device).expand_as(indices)
        return self._crops.cut(self._rows(indices), views)

    def fed(self, batches: Iterable[tuple[int, Tensor]], done: int = 0) -> Iterator[tuple[int, Tensor]]:
        """Of the batches, each with the number of samples before it, those that come after `done` samples."""
        return (batch for batch in batches if batch[0] >= done)

    def _rows(self, indices: Tensor) -> Tensor:
        return self._images[indices]


@dataclass(frozen=True)
class Split:
    """One split on a device: images and labels (N,) int64."""

    images: ViewedImages
    labels: Tensor
