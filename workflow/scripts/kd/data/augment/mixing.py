"""Two images as one: mixup and CutMix.

Zhang et al. 2017 (arXiv:1710.09412), and Yun et al. 2019 (arXiv:1905.04899). Which image is mixed with which
and by what share follows from (seed, epoch, sample) for each image, where torchvision draws one share for a
batch. Shares are of Beta(alpha, alpha).
"""

from dataclasses import dataclass, fields
from functools import cache

import numpy as np
import torch
from torch import Tensor

from kd.data.augment.rectangles import inside

QUANTILES = 2**16  # of the Beta distribution that shares are drawn from
PLACE_BITS = 30  # of a number, for the row and for the column of a box


@dataclass(frozen=True)
class Mixed:
    """What B samples are mixed with, and how."""

    partners: Tensor  # (B,) int64, samples
    views: Tensor  # (B,) int64, of the partners
    shares: Tensor  # (B,) float32, of the sample itself; of CutMix before its box is cut at the border
    boxes: Tensor  # (B,) int64: whether a box is cut in (the last bit), and the place of its middle

    def __getitem__(self, places: Tensor) -> "Mixed":
        """Of the samples at these places."""
        return Mixed(*(getattr(self, field.name)[places] for field in fields(self)))

    def to(self, device: torch.device) -> "Mixed":
        """The same on another device."""
        return Mixed(*(getattr(self, field.name).to(device) for field in fields(self)))

    def copy_(self, other: "Mixed") -> None:
        """Take over the numbers of another one; all tensors stay where they are."""
        for field in fields(self):
            getattr(self, field.name).copy_(getattr(other, field.name))


@cache
def _quantiles(alpha: float) -> np.ndarray:
    from scipy.special import betaincinv  # a slow import, which most trainings can do without

    return betaincinv(alpha, alpha, (np.arange(QUANTILES) + 0.5) / QUANTILES)


def shares_of(words: np.ndarray, alpha: float) -> np.ndarray:
    """Shares of Beta(alpha, alpha), (B,) float64, from words (B,) uint64: one of 65,536 quantiles."""
    return _quantiles(alpha)[(words >> np.uint64(48)).astype(np.int64)]


def boxes_of(words: np.ndarray, cut: np.ndarray) -> np.ndarray:
    """`Mixed.boxes` (B,) int64 from words (B,) uint64, and whether a box is cut (B,) bool."""
    return (words >> np.uint64(3)).astype(np.int64) << 1 | cut


def mix(images: Tensor, others: Tensor, mixed: Mixed) -> tuple[Tensor, Tensor]:
    """Images (B, C, H, W) with their partners mixed in; and the share (B,) float32 of the label of each.

    Of CutMix the share is that of the pixels that stay; its box is cut off at the border, as torchvision's.
    """
    height, width = images.shape[2:]
    cut, share = mixed.boxes & 1, mixed.shares[:, None, None, None]
    middle_row, middle_column = (
        ((mixed.boxes >> 1 + PLACE_BITS * place & 2**PLACE_BITS - 1) * side) >> PLACE_BITS
        for place, side in enumerate((height, width))
    )
    half = 0.5 * (1 - mixed.shares).clamp(min=0).sqrt()
    tall, wide = (half * height).long(), (half * width).long()
    edges = [middle_row - tall, middle_column - wide, middle_row + tall, middle_column + wide]
    box = inside(torch.stack(edges, dim=1), height, width)
    kept = 1 - box.float().mean((1, 2, 3))
    boxed, blended = torch.where(box, others, images), share * images + (1 - share) * others
    is_cut = cut == 1
    return (
        torch.where(is_cut[:, None, None, None], boxed, blended),
        torch.where(is_cut, kept, mixed.shares),
    )
