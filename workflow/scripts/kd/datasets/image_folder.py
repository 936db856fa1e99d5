"""Any folder of images, as train/<class>/<image> and test/<class>/<image>."""

import logging
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from kd.data import RawSplits
from kd.errors import UserError
from kd.listing import find_images
from kd.options import ImageSize

PAD = 4
FLIP = True
WATCHES = "path"  # the option that names a folder whose changes make the data set be prepared again
WORKERS = 4  # decoders release the interpreter's lock; more than a few threads only wait for the disk
QUIET = 2.0  # seconds without a line while images are read; a small folder says nothing

log = logging.getLogger("kd")


def load(downloads: Path, *, path: str, image_size: ImageSize = 32) -> RawSplits:
    """Images (N, image_size, image_size, 3) of the folder `path`; `downloads` is not used.

    Raises UserError naming the folder when the layout is not right, and the file when it cannot be read.
    """
    found = find_images(path)
    arrays = []
    for split, classes in found.items():
        files = [file for members in classes.values() for file in members]
        arrays.append(_read_all(files, image_size, split))
        sizes = [len(members) for members in classes.values()]
        arrays.append(np.repeat(np.arange(len(classes), dtype=np.int64), sizes))
    return RawSplits(*arrays, tuple(found["train"]))


def _read_all(files: list[os.DirEntry], size: int, split: str) -> np.ndarray:
    """(len(files), size, size, 3) uint8, with a line in the log for every tenth that takes long."""
    Image.init()  # all formats now: threads that load them at the same time can miss one
    images = np.empty((len(files), size, size, 3), dtype=np.uint8)
    bounds = [len(files) * tenth // 10 for tenth in range(11)]
    spoken = time.monotonic()
    with ThreadPoolExecutor(WORKERS) as pool:
        for start, end in pairwise(bounds):
            decoded = pool.map(lambda file: read_image(file.path, size), files[start:end])
            for index, image in enumerate(decoded, start):
                images[index] = image
            if time.monotonic() - spoken > QUIET:
                log.info("%s: %s of %s images read", split, f"{end:,}", f"{len(files):,}")
                spoken = time.monotonic()
    return images


def read_image(
    file: str, size: int, upright: Callable[[Image.Image], Image.Image] = ImageOps.exif_transpose
) -> np.ndarray:
    """One image as (size, size, 3) uint8: made upright, as its EXIF data say, and RGB, cut square, resized.

    The square is the middle of the image; resizing is bilinear with antialiasing. An image of the right
    size keeps its pixels. Transparency is dropped; of an animation the first frame is taken.
    Raises UserError naming the file when it cannot be decoded.
    """
    try:
        with Image.open(file) as image:
            square = _cut_square(_to_rgb(upright(image)))
            return np.asarray(square.resize((size, size), Image.Resampling.BILINEAR))
    except Exception as error:  # what a broken image raises depends on its format
        raise UserError(f"{file}: cannot be read as an image: {error}; mend it or take it away") from error


def _to_rgb(image: Image.Image) -> Image.Image:
    """8-bit RGB from any mode but 32-bit floats, whose range nothing tells (ValueError)."""
    if image.mode == "F":
        raise ValueError("pixels are floating-point numbers; 8 or 16 bits are allowed")
    if image.mode.startswith("I"):  # 16 bits; Pillow's own conversion cuts all above 255 off
        pixels = np.asarray(image).astype(np.int64).clip(0, 65535)
        image = Image.fromarray(((pixels + 128) // 257).astype(np.uint8))
    elif image.mode == "P":
        image = image.convert("RGBA")  # straight to RGB, Pillow warns about transparent colours
    return image.convert("RGB")


def _cut_square(image: Image.Image) -> Image.Image:
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side))
