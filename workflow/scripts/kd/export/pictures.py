"""Pictures that a network is asked about: found, read and brought to its size as a data set's are."""

import os
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from kd.datasets.folders.classes import counted
from kd.datasets.folders.suffixes import ALLOWED, FOREIGN, is_hidden, is_image, kind_of
from kd.datasets.readers.images import read_image
from kd.datasets.readers.upright import upright
from kd.errors import UserError, shown
from kd.io.log import logger


def find(places: Iterable[str]) -> tuple[list[str], list[str]]:
    """The files that `places` are or hold, at any depth, in order of name; and a line for each that has none.

    A file that is named is taken whatever it is called. Of folders the images are, by their suffix; pictures
    that Pillow does not read get a line too, and other files are counted in the log. What is hidden is left
    out, and links to folders are not followed.
    """
    files: list[str] = []
    wrong: list[str] = []
    for place in places:
        if Path(place).is_dir():
            inside = list(_inside(place, wrong))
            files += inside
            if not inside:
                wrong.append(f"{place}: no image in this folder; {ALLOWED}")
        elif Path(place).is_file():
            files.append(place)
        else:
            wrong.append(f"{place}: {_no_file(place)}")
    return files, wrong


def _inside(folder: str, wrong: list[str]) -> Iterator[str]:
    def unreadable(error: OSError) -> None:
        wrong.append(f"{error.filename}: cannot be read: {error.strerror}")

    others: dict[str, list[str]] = {}
    for path, folders, names in os.walk(folder, onerror=unreadable):
        folders[:] = sorted(name for name in folders if not is_hidden(name))
        for name in sorted(name for name in names if not is_hidden(name)):
            file = os.path.join(path, name)  # noqa: PTH118 (a Path would drop a leading ./)
            if name.lower().endswith(FOREIGN):
                wrong.append(f"{file}: cannot be read as an image: convert it to .png or .jpg; {ALLOWED}")
            elif not is_image(name):
                others.setdefault(kind_of(name), []).append(file)
            elif Path(file).is_file():
                yield file
            else:
                wrong.append(f"{file}: {_no_file(file)}")
    if others:
        logger.warning("%s: left out, no images by their suffix: %s", shown(folder), shown(counted(others)))


def _no_file(place: str) -> str:
    return "a pipe or a device, and no file" if Path(place).exists() else "no such file or folder"


def read(file: str, shape: tuple[int, int, int]) -> np.ndarray:
    """A picture as (C, H, W) uint8 of this shape: made upright, cut to its middle square, resized, bilinear.

    Transparency is dropped, 16 bits become 8, and for a network of one channel colours become grey. Raises
    UserError naming the file if it is no whole picture, or has pixels of floating-point numbers. A line in
    the log names one that is larger than Pillow, which warns of it itself, likes.
    """
    channels, size = shape[0], shape[1]
    try:
        pixels = read_image(file, size, partial(_upright, file))
    except UserError as error:
        raise UserError(str(error).removesuffix("; mend it or take it away")) from error
    if channels == 1:
        return np.asarray(Image.fromarray(pixels).convert("L"))[None]
    return pixels.transpose(2, 0, 1)


def _upright(file: str, image: Image.Image) -> Image.Image:
    if image.width * image.height > Image.MAX_IMAGE_PIXELS:
        megapixels = image.width * image.height / 1e6
        logger.warning("%s: %.0f megapixels, which take time and memory", shown(file), megapixels)
    return upright(image)
