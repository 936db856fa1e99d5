"""The IDX files of MNIST and of what imitates it: a header of big-endian numbers, then the bytes.

The form is described by LeCun, Cortes and Burges at http://yann.lecun.com/exdb/mnist/.
"""

import gzip
import math
import struct
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from kd.data.dataset import RawSplits
from kd.datasets.readers.archive import reading

IMAGES, LABELS = "images-idx3-ubyte.gz", "labels-idx1-ubyte.gz"
TRAIN, TEST = "train", "t10k"
BYTES = 0x08  # the code of unsigned bytes


def load_idx(downloads: Path, classes: Iterable[str], what: str) -> RawSplits:
    """Images (N, H, W, 1) of the four files in `downloads`; label k is called classes[k].

    Raises UserError naming the file that is no file of `what`.
    """
    classes = tuple(classes)
    parts = []
    for split in (TRAIN, TEST):
        path = downloads / f"{split}-{IMAGES}"
        with reading(path, f"images of {what}"):
            images = _read(path, dimensions=3)
        path = downloads / f"{split}-{LABELS}"
        with reading(path, f"labels of {what}"):
            labels = _read(path, dimensions=1)
            if len(labels) != len(images):
                raise ValueError(f"{len(labels)} labels, but there are {len(images)} images")
            if (largest := labels.max()) >= len(classes):
                raise ValueError(f"the label {largest}, but there are {len(classes)} classes")
        parts += [images[..., None], labels.astype(np.int64)]
    return RawSplits(*parts, classes)


def _read(path: Path, dimensions: int) -> np.ndarray:
    """The array (uint8) in a gzipped IDX file; ValueError if it has another form."""
    content = gzip.decompress(path.read_bytes())
    header = 4 * (1 + dimensions)
    if len(content) <= header:
        raise ValueError(f"{len(content)} bytes, of which {header} are the header")
    magic, *shape = struct.unpack(f">{1 + dimensions}I", content[:header])
    if magic != BYTES << 8 | dimensions:
        raise ValueError(f"it begins with {magic:#010x} instead of {BYTES << 8 | dimensions:#010x}")
    if len(content) != header + math.prod(shape):
        sizes = "×".join(map(str, shape))
        raise ValueError(f"{len(content) - header} bytes, but its header says {sizes}")
    return np.frombuffer(content, dtype=np.uint8, offset=header).reshape(shape)
