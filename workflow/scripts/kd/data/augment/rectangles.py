"""Rectangles of an image that are erased: set to 0 once it is normalised, the mean of the training images."""

import math

import torch
from torch import Tensor

from kd.data.augment.draws import Draws, Place

AREA, RATIO = (0.02, 0.33), (0.3, 3.3)  # of what is erased: its share, and height by width; torchvision's


def inside(boxes: Tensor, height: int, width: int) -> Tensor:
    """Which pixels lie in boxes (B, 4) int64, top, left, bottom, right: (B, 1, height, width) bool."""
    top, left, bottom, right = boxes[:, :, None].unbind(1)
    rows, columns = (torch.arange(side, device=boxes.device) for side in (height, width))
    tall, wide = (rows >= top) & (rows < bottom), (columns >= left) & (columns < right)
    return (tall[:, :, None] & wide[:, None, :])[:, None]


def erased_boxes(draws: Draws, chance: float, height: int, width: int) -> Tensor:
    """Random erasing (Zhong et al. 2017, arXiv:1708.04896): (B, 4) int64, empty where nothing is erased.

    Where torchvision draws again if a side is not shorter than the image, it is cut to one pixel less here.
    """
    area = draws.between(Place.ERASED_AREA, *AREA) * (height * width)
    ratio = draws.between(Place.ERASED_RATIO, *map(math.log, RATIO)).exp()
    tall = (area * ratio).sqrt().round().long().clamp(max=height - 1)
    wide = (area / ratio).sqrt().round().long().clamp(max=width - 1)
    top = draws.below(Place.ERASED_ROW, height - tall + 1)
    left = draws.below(Place.ERASED_COLUMN, width - wide + 1)
    erases = draws.uniform(Place.ERASES) < chance
    return torch.stack([top, left, top + tall * erases, left + wide * erases], dim=1)


def cutout_boxes(draws: Draws, side: int, height: int, width: int) -> Tensor:
    """Cutout (DeVries & Taylor 2017, arXiv:1708.04552): (B, 4) int64, squares around any pixel.

    What reaches beyond the image is cut off, as there, so that less may be erased.
    """
    top = draws.below(Place.CUTOUT_ROW, height) - side // 2
    left = draws.below(Place.CUTOUT_COLUMN, width) - side // 2
    return torch.stack([top, left, top + side, left + side], dim=1)
