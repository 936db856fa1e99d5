"""The images that loops are measured on: random ones, since speed does not depend on what they show."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

SIDE, CHANNELS, CLASSES = 32, 3, 10  # of CIFAR-10
PAD, FLIP = 4, True
AREA, ALPHA = (0.25, 1.0), 0.2  # of resized crops, and of mixup, where images are augmented so
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)


@dataclass(frozen=True, eq=False)
class Pictures:
    """Images (N, H, W, C) uint8, labels (N,) int64, and how they are normalised and augmented."""

    images: np.ndarray
    labels: np.ndarray
    classes: int = CLASSES
    mean: tuple[float, ...] = MEAN  # per channel, of pixels in [0, 1]
    std: tuple[float, ...] = STD
    pad: int = PAD
    flip: bool = FLIP
    mixed: bool = False  # crops of AREA that are resized, and mixup, instead of padded crops


def load(count: int, dataset: str | None = None) -> Pictures:
    """`count` random images like CIFAR-10's, always the same, or the training images of a prepared data set.

    A data set with fewer images gives them again from its start. Raises UserError if its file is not whole.
    """
    if dataset is None:
        random = np.random.default_rng(0)
        pixels = random.integers(0, 256, (count, SIDE, SIDE, CHANNELS), dtype=np.uint8)
        return Pictures(pixels, random.integers(0, CLASSES, count))

    from kd.data.dataset import read_dataset

    data = read_dataset(Path(dataset))
    first = np.resize(np.arange(len(data.train_labels)), count)
    images, labels = data.train_images.numpy()[first], data.train_labels.numpy()[first]
    how = data.augmentation
    return Pictures(images, labels, len(data.classes), data.mean, data.std, how.pad, how.flip)
