"""CIFAR-10 from lossless strips of images below each other, as many as there are in the folder `path`.

On a lent machine this file is copied beside the data sets of the workflow, which makes it one of them.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from kd.data.dataset import RawSplits

PAD = 4
FLIP = True
PAPER = "Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images (technical report, Toronto)"
LICENCE = "unknown: the authors state none, and ask that their technical report is cited"
SOURCE = "lossless strips of the images, carried to the machine"


def load(downloads: Path, *, path: str, strips: int = 0) -> RawSplits:
    """Images (N, 32, 32, 3) from `path`/{train,test}/<class>/<nn>.webp.

    `path`: the folder of the strips.
    `strips`: how many there are, which only tells jobs of more strips from those of fewer.
    """
    root = Path(path)
    classes = sorted(folder.name for folder in (root / "test").iterdir())
    return RawSplits(*_split(root / "train", classes), *_split(root / "test", classes), tuple(classes))


def _split(folder: Path, classes: list[str]) -> tuple[np.ndarray, np.ndarray]:
    images, labels = [], []
    for label, name in enumerate(classes):
        for file in sorted((folder / name).glob("*.webp")):
            images.append(np.array(Image.open(file).convert("RGB")).reshape(-1, 32, 32, 3))
            labels.append(np.full(len(images[-1]), label))
    return np.concatenate(images), np.concatenate(labels).astype(np.int64)
