"""The digest of a folder of images. Standard library only: see contents.py."""

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from kd.datasets.readers.class_names import composed
from kd.io.log import logger

QUIET = 2.0  # seconds without a line while images are read; a small folder says nothing


def digests_of(
    path: str, digest_of: Callable[[os.DirEntry], str], files: Mapping[str, os.DirEntry]
) -> dict[str, str]:
    """The digest of each file by its name; says how far it is where that takes long. `path`: their folder."""
    digests, reported = {}, time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        for name, digest in zip(files, pool.map(digest_of, files.values()), strict=True):
            digests[name] = digest
            if time.monotonic() - reported > QUIET:
                logger.info("%s: %s of %s images read", path, f"{len(digests):,}", f"{len(files):,}")
                reported = time.monotonic()
    return digests


def listing_of(digests: Iterable[tuple[str, str]], class_names: Sequence[str] | None) -> str:
    """SHA-256 over the name and the SHA-256 of each image, and over class names from a file, as hexadecimal.

    A name is <split>/<class>/<image>: neither the place of the folder counts, nor the times of its files,
    nor in which of its forms a disk keeps an accented letter.
    """
    total = hashlib.sha256()
    for name, digest in digests:
        total.update(os.fsencode(f"{composed(name)}\0{digest}\n"))
    if class_names is not None:
        total.update("\n".join(class_names).encode())
    return total.hexdigest()
