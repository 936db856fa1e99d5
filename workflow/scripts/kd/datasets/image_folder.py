"""Any folder of images, as train/<class>/<image> and test/<class>/<image>."""

from pathlib import Path

import numpy as np

from kd.data import RawSplits
from kd.datasets._images import Decoded, read_image
from kd.listing import find_images
from kd.options import ImageSize

PAD = 4
FLIP = True
SOURCE = "a folder of images"
LICENCE = "unknown: a folder of images does not say"
WATCHES = "path"  # the option that names a folder whose changes make the data set be prepared again


def load(downloads: Path, *, path: str, image_size: ImageSize = 32) -> RawSplits:
    """Images (N, image_size, image_size, 3) of the folder `path`; `downloads` is not used.

    Images are read when they are asked for, so they may be more than memory holds. Raises UserError naming
    the folder when the layout is not right, and, then, the file that cannot be read.
    """
    found = find_images(path)
    arrays = []
    for split, classes in found.items():
        files = [file for members in classes.values() for file in members]
        arrays.append(Decoded(files, lambda file: read_image(file.path, image_size), image_size, split))
        sizes = [len(members) for members in classes.values()]
        arrays.append(np.repeat(np.arange(len(classes), dtype=np.int64), sizes))
    return RawSplits(*arrays, tuple(found["train"]))
