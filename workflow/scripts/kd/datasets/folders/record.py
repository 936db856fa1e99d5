"""Reading the images of a folder, and remembering of each what the notes on the data need."""

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from kd.datasets.folders.contents import Contents
from kd.datasets.folders.listing import listing_of
from kd.datasets.folders.near_duplicates import thumbnail_of
from kd.datasets.readers.images import read_image
from kd.datasets.readers.upright import upright
from kd.io.files import reading


class Seen(NamedTuple):
    """What is remembered of an image."""

    digest: bytes  # SHA-256 of the bytes that were decoded
    transparent: bool  # at least one pixel
    deep: bool  # stored with 16 bits a pixel
    brightest: int  # the largest value, of 255
    thumbnail: bytes  # what is compared to find near-duplicates


_BYTES = ("digest", "thumbnail")


class Record:
    """The images of a folder by name, of `size` pixels a side, and what was seen of those that were read."""

    def __init__(self, contents: Contents, size: int) -> None:
        self._size = size
        self.files = contents.files("train") | contents.files("test")
        self.seen: dict[str, Seen] = {}

    def read(self, name: str) -> np.ndarray:
        """An image as (size, size, 3) uint8; several threads may call it at once.

        Raises UserError naming the file if it cannot be read.
        """
        path = self.files[name].path
        with reading(path):
            content = Path(path).read_bytes()
        stored: list[tuple[bool, bool]] = []

        def turned(image: Image.Image) -> Image.Image:
            stored.append((_is_transparent(image), image.mode.startswith("I")))
            return upright(image)

        pixels = read_image(path, self._size, turned, content)
        self.seen[name] = Seen(
            hashlib.sha256(content).digest(), *stored[0], int(pixels.max()), thumbnail_of(pixels)
        )
        return pixels

    def known(self, names: list[str]) -> dict[str, np.ndarray]:
        """What was seen of these images, which were read: an array for each field of Seen."""
        fields = zip(*(self.seen[name] for name in names), strict=True)
        arrays = dict(zip(Seen._fields, fields, strict=True))
        texts = {name: np.frombuffer(b"".join(arrays.pop(name)), dtype=np.uint8) for name in _BYTES}
        rows = {name: text.reshape(len(names), -1) for name, text in texts.items()}
        return rows | {name: np.array(values, dtype=np.uint8) for name, values in arrays.items()}

    def recall(self, names: list[str], known: dict[str, np.ndarray]) -> None:
        """The same as if these images had been read again."""
        for row, name in enumerate(names):
            values = {field: kind(known[field][row]) for field, kind in Seen.__annotations__.items()}
            self.seen[name] = Seen(**values)

    def listing(self, class_names: tuple[str, ...] | None) -> str:
        """The digest of all images: that of the folder (kd.plan.user_files) unless it has changed."""
        return listing_of(((name, self._digest(name).hex()) for name in self.files), class_names)

    def _digest(self, name: str) -> bytes:
        """Of the bytes that were decoded, or of the file where it is not in the sample that is used."""
        if name in self.seen:
            return self.seen[name].digest
        with reading(path := self.files[name].path):
            return hashlib.sha256(Path(path).read_bytes()).digest()


def _is_transparent(image: Image.Image) -> bool:
    return image.has_transparency_data and image.convert("RGBA").getextrema()[3][0] < 255
