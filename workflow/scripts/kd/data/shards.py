"""Images in plain files of uint8 that are mapped into memory, for data sets that are larger than it.

Each image has a checksum (CRC-32), which is compared whenever it is read: to read all of them first, as is
done with smaller files, would take longer than some trainings.
"""

import os
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kd.errors import UserError
from kd.io.atomic import atomic
from kd.io.files import NotRead, reading

BYTES = 2**28  # of a shard, at most; so much is in memory when it is written


@dataclass(frozen=True)
class Packed:
    """What is known of the shards of one part of a data set."""

    files: tuple[str, ...]  # in order, each of `images` images but for the last
    images: int
    shape: tuple[int, int, int, int]  # (N, H, W, C)
    checksums: np.ndarray  # (N,) int64


def write_shard(path: Path, images: np.ndarray) -> None:
    """Write images (n, H, W, C) uint8. The file is whole or absent; NotWritten when it cannot be written."""
    with atomic(path) as temporary:
        np.ascontiguousarray(images).tofile(temporary)


class Shards:
    """The images of one part, read from their files when they are indexed; many threads may do so."""

    def __init__(self, folder: Path, packed: Packed) -> None:
        """Raises UserError naming the file that is missing or of another size than it was written."""
        self.packed, self.shape = packed, packed.shape
        self._files = [folder / name for name in packed.files]
        self._maps = [self._open(path, number) for number, path in enumerate(self._files)]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, samples: np.ndarray | slice) -> np.ndarray:
        """Those of the samples, a slice or (B,) int64: (B, H, W, C) uint8, each compared with its checksum.

        Raises UserError naming the file of one that is damaged.
        """
        samples = np.arange(len(self))[samples]
        pixels = np.empty((len(samples), *self.shape[1:]), dtype=np.uint8)
        # In the order of the files: neighbours on the disk are read together.
        for place in np.argsort(samples, kind="stable"):
            file, row = divmod(int(samples[place]), self.packed.images)
            pixels[place] = self._maps[file][row]
            if zlib.crc32(pixels[place]) != self.packed.checksums[samples[place]]:
                raise UserError(_damaged(self._files[file], f"the checksum of image {row} is wrong"))
        return pixels

    def _open(self, path: Path, number: int) -> np.ndarray:
        count = min(self.packed.images, len(self) - number * self.packed.images)
        shape = (count, *self.shape[1:])
        try:
            with reading(path), open(path, "rb") as file:
                size = os.fstat(file.fileno()).st_size
        except NotRead as error:
            if error.missing:
                raise UserError(_damaged(path, "No such file")) from error
            raise
        if size != np.prod(shape):
            raise UserError(_damaged(path, f"{size} bytes, where {np.prod(shape)} were written"))
        return np.memmap(path, dtype=np.uint8, mode="r", shape=shape)


def _damaged(path: Path, why: str) -> str:
    dataset = path.parent.parent / "dataset.safetensors"
    return f"{path}: not the images that were packed ({why}); delete {dataset} to have them packed again"
