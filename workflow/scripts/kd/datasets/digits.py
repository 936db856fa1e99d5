"""Handwritten digits, 8x8, grey: the 1,797 images that come with scikit-learn. Nothing to download."""

from pathlib import Path

import numpy as np

from kd.data.dataset import RawSplits
from kd.data.preparation.prepare import stratified_split
from kd.settings.types import Fraction

PAD = 1
FLIP = False  # a mirrored digit is another sign
SOURCE = "comes with scikit-learn"
PAPER = (
    "Kaynak 1995, Methods of Combining Multiple Classifiers and Their Applications to Handwritten Digit"
    " Recognition (MSc thesis, Bogazici University)"
)
LICENCE = "unknown: scikit-learn's description of them states none"
SEED = 0  # of the split into training and test images, the same in every study


def load(downloads: Path, *, test_fraction: Fraction = 0.5) -> RawSplits:
    """Images (N, 8, 8, 1). `downloads` is not used.

    `test_fraction`: share of the images of every digit that is kept for the test.

    Raises UserError when `test_fraction` leaves a digit without training images.
    """
    from sklearn.datasets import load_digits  # here, because it takes a second to import

    bunch = load_digits()
    images = np.rint(bunch.images[..., None] * (255 / 16)).astype(np.uint8)  # stored as 0 to 16
    labels = bunch.target.astype(np.int64)
    classes = tuple(str(digit) for digit in range(10))
    train, test = stratified_split(labels, test_fraction, SEED, "dataset.test_fraction", classes)
    return RawSplits(images[train], labels[train], images[test], labels[test], classes)
