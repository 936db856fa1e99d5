"""Affine maps of images, one for each image of a batch."""

import torch
from torch import Tensor
from torch.nn import functional


def warp(images: Tensor, inverse: Tensor) -> Tensor:
    """Images (B, C, H, W) float32 under affine maps, bilinear, black outside.

    `inverse` (B, 2, 3) float32 maps a place in the result to the place in the image that is shown there:
    columns to the right and rows down, in pixels, from the middle of the image.
    """
    height, width = images.shape[2:]
    columns, rows = (_from_middle(side, images.device) for side in (width, height))
    maps = inverse[:, :, :, None, None]  # no matrix product: a GPU may round its factors
    across, down = (maps[:, k, 0] * columns + maps[:, k, 1] * rows[:, None] + maps[:, k, 2] for k in (0, 1))
    # The coordinates of grid_sample: the image is [-1, 1].
    grid = torch.stack([across * (2 / width), down * (2 / height)], dim=3)
    return functional.grid_sample(images, grid, padding_mode="zeros", align_corners=False)


def _from_middle(side: int, device: torch.device) -> Tensor:
    """The middles of pixels."""
    return torch.arange(side, device=device) - (side - 1) / 2
