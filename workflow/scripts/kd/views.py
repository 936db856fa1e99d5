"""The pixels of an image's numbered views (see numbering.py), as batched operations on a device."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from kd.data import Dataset
from kd.numbering import count_views, plain_view


class ViewedImages:
    """Images on a device, from which any (sample, view) can be taken as a normalised batch.

    images: (N, H, W, C) uint8. mean, std: per channel, in units of [0, 1].
    """

    def __init__(
        self, images: Tensor, pad: int, flip: bool, mean: Sequence[float], std: Sequence[float]
    ) -> None:
        self.device = device = images.device
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
        return plain_view(self.pad)

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


@dataclass(frozen=True)
class Labelled:
    """One split on a device: images and labels (N,) int64."""

    images: ViewedImages
    labels: Tensor


def labelled(data: Dataset[Tensor], part: str, device: torch.device) -> Labelled:
    """The part "train", "validation" or "test" of a data set on `device`."""
    tensors = data.tensors()
    images = tensors[f"{part}_images"].to(device)
    viewed = ViewedImages(images, data.pad, data.flip, data.mean, data.std)
    return Labelled(viewed, tensors[f"{part}_labels"].to(device))
