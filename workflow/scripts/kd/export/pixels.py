"""Images of a prepared data set as an exported network takes them."""

import numpy as np
from torch import Tensor

from kd.data.dataset import Dataset
from kd.settings.export import Export


def image_shape(data: Dataset[Tensor]) -> tuple[int, int, int]:
    """(C, H, W)."""
    height, width, channels = data.test_images.shape[1:]
    return channels, height, width


def pixels(images: Tensor, chosen: np.ndarray) -> np.ndarray:
    """Those of the images (N, H, W, C) uint8 whose numbers are `chosen` (n,), as (n, C, H, W)."""
    return np.ascontiguousarray(np.asarray(images[chosen]).transpose(0, 3, 1, 2))


def spread(count: int, most: int) -> np.ndarray:
    """The numbers of at most `most` of `count` images, evenly over all: (n,) int64, rising."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))


def calibration(data: Dataset[Tensor], settings: Export) -> np.ndarray | None:
    """Training images for int8, evenly over the split; never those that accuracy is measured on."""
    if not settings.int8:
        return None
    return pixels(data.train_images, spread(len(data.train_labels), settings.calibration))
