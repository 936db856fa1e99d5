"""CIFAR-10 (Krizhevsky 2009, "Learning Multiple Layers of Features from Tiny Images"): 32x32, colour.

50,000 training and 10,000 test images of ten classes. The binary archive is read, not the Python one:
that one is made of pickles, and unpickling runs whatever code the file holds.
"""

import gzip
import tarfile
import zlib
from pathlib import Path

import numpy as np

from kd.data import RawSplits
from kd.errors import UserError

MIRROR = "https://www.cs.toronto.edu/~kriz"
FILES = {"cifar-10-binary.tar.gz": "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"}
PAD = 4
FLIP = True

FOLDER = "cifar-10-batches-bin"
TRAIN = ("data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin")
TEST = ("test_batch.bin",)
NAMES = "batches.meta.txt"
RECORD = 1 + 3 * 32 * 32  # bytes: a label, then the red, the green and the blue plane, row by row


def load(downloads: Path) -> RawSplits:
    """Images (N, 32, 32, 3) from the archive in `downloads`, in the archive's order.

    Raises UserError naming the archive when it is corrupt, or a file in it is missing or malformed.
    """
    (name,) = FILES
    archive = downloads / name
    try:
        members = _read_members(archive)
        classes = tuple(members[NAMES].decode("ascii").split())
        train = [_decode(members, batch, len(classes)) for batch in TRAIN]
        test = [_decode(members, batch, len(classes)) for batch in TEST]
    except (tarfile.TarError, OSError, EOFError, zlib.error, ValueError) as error:
        raise UserError(f"{archive}: not the CIFAR-10 archive: {error}; delete it and run again") from error
    return RawSplits(*_join(train), *_join(test), classes)


def _read_members(archive: Path) -> dict[str, bytes]:
    """The wanted files inside `archive`, read in one pass: going back in a .gz means unpacking it anew."""
    wanted = {f"{FOLDER}/{name}": name for name in (*TRAIN, *TEST, NAMES)}
    found = {}
    with gzip.open(archive) as unpacked:
        with tarfile.open(fileobj=unpacked, mode="r|") as tar:
            for member in tar:
                if member.name in wanted and member.isfile():
                    found[wanted[member.name]] = tar.extractfile(member).read()
        while unpacked.read(1 << 20):  # to the very end, where gzip compares its checksum
            continue
    if missing := [path for path, name in wanted.items() if name not in found]:
        raise ValueError(f"it lacks {', '.join(missing)}")
    return found


def _decode(members: dict[str, bytes], name: str, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, 32, 32, 3) uint8 and labels (n,) int64 of one batch; ValueError when malformed."""
    content = members[name]
    if not content or len(content) % RECORD:
        raise ValueError(f"{name} has {len(content)} bytes, which is no multiple of {RECORD}")
    records = np.frombuffer(content, dtype=np.uint8).reshape(-1, RECORD)
    labels = records[:, 0].astype(np.int64)
    if labels.max() >= classes:
        raise ValueError(f"{name} has the label {labels.max()}, but there are {classes} classes")
    return records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), labels


def _join(batches: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    images, labels = zip(*batches, strict=True)
    return np.concatenate(images), np.concatenate(labels)
