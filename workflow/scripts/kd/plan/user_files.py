"""The digest of a folder of images. Standard library only: the Snakefile asks each time it is read."""

import hashlib
import logging
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from kd.datasets.readers.folder import find_images, names_of, reading
from kd.io.digests import CACHE, Digests

QUIET = 2.0  # seconds without a line while images are looked at; a small folder says nothing

log = logging.getLogger("kd")


def listing(
    path: str, cache: Path = CACHE, *, test_folder: str | None = None, class_names: str | None = None
) -> str:
    """SHA-256 over the names and contents of the images under `path`, as hexadecimal.

    And over the names of the classes, where a file gives them; see find_images and names_of.

    It changes when images are added, removed, renamed or edited, but not when they are copied to another
    place or touched. A file is read once: `cache` keeps its digest for as long as its size and time stay.
    Says how far it is where that takes long. Raises UserError as find_images and names_of do.
    """
    found = find_images(path, test_folder)
    files = {
        f"{split}/{name}/{file.name}": file
        for split, classes in found.items()
        for name, entries in classes.items()
        for file in entries
    }
    known = Digests(path, cache)
    together = hashlib.sha256()
    spoken = time.monotonic()
    with reading(), ThreadPoolExecutor(8) as pool:
        digests = pool.map(known.find, files.values())
        for number, (name, digest) in enumerate(zip(files, digests, strict=True), 1):
            together.update(os.fsencode(f"{name}\0{digest}\n"))
            if time.monotonic() - spoken > QUIET:
                log.info("%s: %s of %s images looked at", path, f"{number:,}", f"{len(files):,}")
                spoken = time.monotonic()
    known.save()
    if class_names:
        together.update("\n".join(names_of(path, class_names, list(found["train"]))).encode())
    return together.hexdigest()
