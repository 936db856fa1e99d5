"""The digest of a folder of images. Standard library only: see contents.py."""

import hashlib
import os
from collections.abc import Iterable, Sequence

from kd.datasets.readers.class_names import composed


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
