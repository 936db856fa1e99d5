"""The pictures of a diagnosis, in a form that a page can hold."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from kd.report.html import as_address

LARGEST = 128  # pixels a side; larger images are made smaller
PALE, RIGHT, WRONG = (255, 255, 255), (20, 70, 150), (170, 40, 30)  # of a confusion matrix


def pictures(diagnosis: Mapping[str, Any], images: Any) -> dict[int, str]:
    """An address that holds the picture, for every test image that a diagnosis names, by its number.

    images: (N, H, W, C) uint8, a tensor or Shards, of which nothing else is read.
    """
    runs = diagnosis["runs"]
    wanted = {image["index"] for run in runs for kind in ("worst", "soft_targets") for image in run[kind]}
    changed = diagnosis["changes"] or {"corrected": [], "broken": []}
    wanted |= {image["index"] for kind in ("corrected", "broken") for image in changed[kind]}
    numbers = np.array(sorted(wanted), dtype=np.int64)
    if not len(numbers):
        return {}
    chosen = np.asarray(images[numbers])
    return {number: picture(image) for number, image in zip(numbers.tolist(), chosen, strict=True)}


def picture(image: np.ndarray) -> str:
    """(H, W, C) uint8 as it is, but not too large; without three colours in grey, by its first channel."""
    drawn = Image.fromarray(image if image.shape[2] == 3 else image[..., 0])
    drawn.thumbnail((LARGEST, LARGEST))
    return _address(drawn)


def confusion_picture(confusion: Sequence[Sequence[float]]) -> str:
    """The matrix with a pixel for each pair, the darker the more of its row; what is right is blue."""
    counts = np.array(confusion, dtype=float)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    ink = np.where(np.eye(len(counts), dtype=bool)[..., None], RIGHT, WRONG)
    # By the root, so that rare mistakes are seen.
    pixels = PALE + np.sqrt(shares)[..., None] * (ink - np.array(PALE))
    return _address(Image.fromarray(pixels.round().astype(np.uint8)))


def change_picture(change: np.ndarray, images: np.ndarray) -> str:
    """A matrix of changes in images, (true, predicted), by the `images` of each true class.

    Blue is more on the diagonal or less beside it, red the reverse.
    """
    shares = change / np.maximum(images[:, None], 1)
    good = np.where(np.eye(len(change), dtype=bool), shares, -shares) > 0
    ink = np.where(good[..., None], RIGHT, WRONG)
    pixels = PALE + np.sqrt(np.minimum(np.abs(shares), 1))[..., None] * (ink - np.array(PALE))
    return _address(Image.fromarray(pixels.round().astype(np.uint8)))


def _address(drawn: Image.Image) -> str:
    buffer = io.BytesIO()
    drawn.save(buffer, "PNG", optimize=True)
    return as_address(buffer.getvalue())
