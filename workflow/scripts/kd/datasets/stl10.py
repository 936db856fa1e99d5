"""STL-10 (Coates, Lee & Ng 2011): 96x96, colour, ten classes like those of CIFAR-10.

5,000 training and 8,000 test images. The 100,000 unlabelled ones in the same archive (2.6 GB) are not used.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from kd.data.dataset import RawSplits
from kd.datasets.readers.archive import reading, tar_members
from kd.datasets.readers.images import fitted
from kd.settings.types import ImageSize

MIRROR = "http://ai.stanford.edu/~acoates/stl10"
FILES = {"stl10_binary.tar.gz": "f31fd99273a1acb8609c8db427cebb1de3f71de77758cdc0e22956e1289b9866"}
SIZES = {"stl10_binary.tar.gz": 2_640_397_119}  # bytes
PAD = 12
FLIP = True
PUBLISHED = {"shape": (96, 96, 3), "mean": (0.4467, 0.4398, 0.4066), "std": (0.2603, 0.2566, 0.2713)}
PAPER = (
    "Coates, Lee & Ng 2011, An Analysis of Single-Layer Networks in Unsupervised Feature Learning, AISTATS"
)
LICENCE = "unknown: the authors state none; the images come from ImageNet"

FOLDER = "stl10_binary"
NAMES = "class_names.txt"
SIDE = 96


def load(downloads: Path, *, image_size: ImageSize = 96) -> RawSplits:
    """Images (N, image_size, image_size, 3) from the archive in `downloads`, in the archive's order.

    `image_size`: pixels a side that images are resized to.

    Raises UserError naming the archive when it is corrupt, or a file in it is missing or malformed.
    """
    (name,) = FILES
    wanted = [f"{split}_{kind}.bin" for split in ("train", "test") for kind in "Xy"]
    with reading(downloads / name, "the STL-10 archive"):
        members = tar_members(downloads / name, FOLDER, (*wanted, NAMES))
        classes = tuple(members[NAMES].decode("ascii").split())
        parts = [_decode(members, split, len(classes)) for split in ("train", "test")]
        arrays = [array for images, labels in parts for array in (_resize(images, image_size), labels)]
        return RawSplits(*arrays, classes)


def _decode(members: dict[str, bytes], split: str, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, 96, 96, 3) uint8 and labels (n,) int64 of a split; ValueError when malformed."""
    pixels, labels = (np.frombuffer(members[f"{split}_{kind}.bin"], dtype=np.uint8) for kind in "Xy")
    if not labels.size or len(pixels) != len(labels) * 3 * SIDE**2:
        sizes = f"{len(pixels)} bytes of pixels, but {len(labels)} labels"
        raise ValueError(f"{split}_X.bin and {split}_y.bin have {sizes}; an image is {3 * SIDE**2} bytes")
    if labels.min() < 1 or labels.max() > classes:
        span = f"{labels.min()} to {labels.max()}"
        raise ValueError(f"{split}_y.bin has labels from {span}; 1 to {classes} are allowed")
    # Plane by plane, and within each column by column.
    return pixels.reshape(-1, 3, SIDE, SIDE).transpose(0, 3, 2, 1), labels.astype(np.int64) - 1


def _resize(images: np.ndarray, size: int) -> np.ndarray:
    """(n, size, size, 3) uint8 from (n, 96, 96, 3)."""
    if size == SIDE:
        return images
    return np.stack([fitted(Image.fromarray(np.ascontiguousarray(image)), size) for image in images])
