"""Packs images into shards, one after the other. A packing that was killed goes on after its last whole one.

Beside each shard lies a file of what is known of its images: their checksums, and what their source remembers
of them, such as the digests of their files. No training job runs this code.
"""

import shutil
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from kd.data.shards import BYTES, Packed, Shards, write_shard
from kd.errors import UserError
from kd.io.atomic import NotWritten
from kd.io.files import NotRead
from kd.io.log import logger
from kd.io.tensors import Corrupt, read_tensors, write_tensors

BLOCK = 2**24  # bytes that are read together, so that memory does not grow with the images
KNOWN = ".known.safetensors"  # ends the name of the file beside a shard


class Remembering(Protocol):
    """Images that are read when they are asked for, and of which more is known then."""

    shape: tuple[int, ...]

    def __getitem__(self, samples: np.ndarray) -> np.ndarray: ...

    def known(self, samples: np.ndarray) -> dict[str, np.ndarray]:
        """What is known of the samples (B,) int64, which were read: arrays with a row for each."""

    def recall(self, samples: np.ndarray, known: dict[str, np.ndarray]) -> None:
        """Know this of the samples (B,) int64, as if they had been read."""


@dataclass
class Packing:
    """Packs the parts of one data set into `folder`; `key` is a digest of all that decides what is packed.

    Shards that were packed by another key are removed.
    """

    folder: Path
    key: str
    most: int = BYTES  # bytes of a shard

    def pack(self, part: str, source: np.ndarray | Remembering, indices: np.ndarray) -> Packed:
        """Pack the images `indices` (N,) int64 of `source`, whose rows are (H, W, C) uint8.

        Raises NotWritten where the disk has no room for them, or a shard cannot be written.
        """
        shape = len(indices), *source.shape[1:]
        size = int(np.prod(shape[1:]))
        images = max(1, self.most // size)
        rows = [indices[first : first + images] for first in range(0, len(indices), images)]
        files = [f"{part}-{number:05}.u8" for number in range(len(rows))]
        known = [
            self._known(file, (len(samples), *shape[1:])) for file, samples in zip(files, rows, strict=True)
        ]
        missing = [len(samples) for samples, there in zip(rows, known, strict=True) if there is None]
        progress = _Progress(part, sum(missing), size, len(files) - len(missing))
        self._check_room(sum(missing) * size)
        checksums = []
        for file, samples, there in zip(files, rows, known, strict=True):
            if there is None:
                there = self._write(file, source, samples, progress)
            elif hasattr(source, "recall"):
                source.recall(samples, {name: rows for name, rows in there.items() if name != "checksums"})
            checksums.append(there["checksums"])
        none = np.empty(0, dtype=np.int64)
        return Packed(tuple(files), images, shape, np.concatenate(checksums or [none]))

    def begin(self) -> None:
        """Remove what was packed by another key."""
        kept = {path.name.removesuffix(KNOWN) for path in self.folder.glob(f"*{KNOWN}") if self._read(path)}
        for path in self.folder.glob("*"):
            if path.name.removesuffix(KNOWN) not in kept:
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _known(self, file: str, shape: tuple[int, ...]) -> dict[str, np.ndarray] | None:
        """What is known of the images of a shard that is whole; None if it is to be packed."""
        known = self._read(self.folder / f"{file}{KNOWN}")
        if known is None or len(known["checksums"]) != shape[0]:
            return None
        with suppress(UserError):  # of a shard that is gone or damaged
            shard = Shards(self.folder, Packed((file,), shape[0], shape, known["checksums"]))
            for _ in blocks(shard):  # each image is compared with its checksum
                continue
            return known
        return None

    def _read(self, path: Path) -> dict[str, np.ndarray] | None:
        with suppress(Corrupt, NotRead):
            tensors, facts = read_tensors(path)
            if facts.get("key") == self.key:
                return {name: tensor.numpy() for name, tensor in tensors.items()}
        return None

    def _write(
        self, file: str, source: np.ndarray | Remembering, samples: np.ndarray, progress: "_Progress"
    ) -> dict[str, np.ndarray]:
        pixels, done = np.empty((len(samples), *source.shape[1:]), dtype=np.uint8), 0
        for block in progress.counted(blocks(source, samples)):
            pixels[done : done + len(block)] = block
            done += len(block)
        known = {"checksums": np.array([zlib.crc32(image) for image in pixels], dtype=np.int64)}
        if hasattr(source, "known"):
            known |= source.known(samples)
        write_shard(self.folder / file, pixels)
        write_tensors(self.folder / f"{file}{KNOWN}", known, {"key": self.key})
        return known

    def _check_room(self, needed: int) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.folder).free
        if needed > free:
            raise NotWritten(
                f"{self.folder}: to pack the images takes {needed / 1e9:.1f} GB more, and the disk has"
                f" {free / 1e9:.1f} GB; free some space, or lower dataset.image_size"
            )


def blocks(
    source: np.ndarray | Shards | Remembering, samples: np.ndarray | None = None
) -> Iterator[np.ndarray]:
    """The rows `samples` (n,) int64 of images, or all, in pieces of BLOCK bytes at most, or of one row."""
    samples = np.arange(source.shape[0]) if samples is None else samples
    size = max(1, BLOCK // int(np.prod(source.shape[1:])))
    for first in range(0, len(samples), size):
        yield source[samples[first : first + size]]


class _Progress:
    """Says what is to be packed and, once the first images were read, how long it takes."""

    def __init__(self, part: str, images: int, size: int, files: int) -> None:
        self._part, self._images, self._done, self._told = part, images, 0, False
        self._started = time.monotonic()
        if images:
            there = f"; {files} shards are there already" if files else ""
            logger.info("%s: packs %s images, %.2f GB%s", part, f"{images:,}", images * size / 1e9, there)

    def counted(self, blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        """The same blocks; the first shows how long all of them take."""
        for block in blocks:
            self._done += len(block)
            if not self._told and self._done < self._images:
                seconds = (time.monotonic() - self._started) / self._done * self._images
                logger.info("%s: takes about %.0f min", self._part, max(1, seconds / 60))
            self._told = True
            yield block
