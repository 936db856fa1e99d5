"""Images of a training as one picture each, in the pixels that they have in the data set."""

import numpy as np
import torch
from torch import Tensor

from kd.data.rows import Rows
from kd.data.sampler import order_seen
from kd.data.views import ViewedImages

SIDE = 512  # pixels of a picture, about: TensorBoard reads all that a log directory has
SMALL = 32  # an image of fewer pixels is shown larger
MOST = 8  # images in a row


def grid(pixels: Tensor) -> np.ndarray:
    """Images (B, H, W, C), 0 to 255, side by side: (rows, columns, C) uint8, a square of them if enough.

    One row is `per_row` images; small ones are enlarged by a whole factor, so that every pixel is seen.
    """
    images = pixels.round().clamp(0, 255).byte().cpu().numpy()
    zoom = -(-SMALL // max(images.shape[1:3]))
    images = images.repeat(zoom, axis=1).repeat(zoom, axis=2)
    images = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=255)
    columns = min(per_row(*pixels.shape[1:3]), len(images))
    blank = np.full((-len(images) % columns, *images.shape[1:]), 255, dtype=np.uint8)
    images = np.concatenate([images, blank])
    rows = images.reshape(-1, columns, *images.shape[1:])
    return rows.transpose(0, 2, 1, 3, 4).reshape(-1, columns * images.shape[2], images.shape[3])


def per_row(height: int, width: int) -> int:
    """How many images of this size are side by side."""
    return min(MOST, max(2, SIDE // max(height, width, SMALL)))


def first_views(images: ViewedImages, seed: int, epoch: int) -> np.ndarray:
    """The first images of an epoch (0-based) as a network is shown them: cropped and mirrored."""
    some = order_seen(seed, epoch, images.samples)[: _fit(images)]
    rows = Rows(images.augmentation, seed, images.samples)
    shown = rows.shown(rows.of_epoch(epoch)[some], some).to(images.device)
    return grid(images.pixels(torch.from_numpy(some).to(images.device), shown))


def hardest(images: ViewedImages, losses: Tensor) -> tuple[np.ndarray, Tensor]:
    """The images with the largest of `losses` (N,), the worst first, as one picture; and their numbers."""
    worst = losses.argsort(descending=True, stable=True)[: _fit(images)]
    return grid(images.pixels(worst.to(images.device), images.plain)), worst


def _fit(images: ViewedImages) -> int:
    return per_row(images.height, images.width) ** 2
