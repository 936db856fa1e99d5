"""Which images a folder holds. Standard library only: the Snakefile asks each time it is read."""

import hashlib
import logging
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from kd.digests import CACHE, Digests
from kd.errors import UserError

SPLITS = ("train", "test")
SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
QUIET = 2.0  # seconds without a line while images are looked at; a small folder says nothing
_LAYOUT = "the layout is train/<class>/<image> and test/<class>/<image>"

log = logging.getLogger("kd")

Images = dict[str, dict[str, list[os.DirEntry]]]  # split -> class -> files, all in order of name


def _visible(folder: Path) -> list[os.DirEntry]:
    """What `folder` holds, in order of name (code points, whatever the locale); hidden entries left out."""
    with os.scandir(folder) as entries:
        return sorted((entry for entry in entries if entry.name[0] != "."), key=lambda entry: entry.name)


def _follow(entry: os.DirEntry) -> os.DirEntry:
    """`entry`; OSError if it is a link that leads nowhere, behind which an image would be missed unseen."""
    if entry.is_symlink():
        entry.stat()
    return entry


def _classes(folder: Path) -> dict[str, list[os.DirEntry]]:
    """Image files of each class folder inside `folder`."""
    if not folder.is_dir():
        raise UserError(f"dataset.path: no folder {str(folder)!r}; {_LAYOUT}")
    found = {}
    for entry in _visible(folder):
        if _follow(entry).is_dir():
            images = [file for file in _visible(entry) if _is_image(file.name) and _follow(file).is_file()]
            found[_readable(entry)] = images
            if not images:
                raise UserError(
                    f"dataset.path: no image in {entry.path!r}; allowed are {', '.join(SUFFIXES)}"
                )
    return found


def _readable(entry: os.DirEntry) -> str:
    """The name of a class, which results will carry."""
    try:
        entry.name.encode()
    except UnicodeEncodeError as error:
        raise UserError(f"dataset.path: the name of {entry.path!r} is no UTF-8 text; rename it") from error
    return entry.name


def _is_image(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


def find_images(path: str) -> Images:
    """The image files under `path` by split and class; a leading ~ is the home folder.

    Other files, hidden ones and deeper folders are ignored. Raises UserError naming `dataset.path` and the
    folder when a split is missing, a class has no image, there are fewer than two classes, or the two
    splits have different classes; and naming what cannot be read, such as a link to nowhere.
    """
    try:
        root = Path(path).expanduser()
        root.is_dir()
    except (RuntimeError, OSError) as error:
        raise UserError(f"dataset.path: {path[:60]!r} is no folder: {error}") from error
    with _reading():
        found = {split: _classes(root / split) for split in SPLITS}
    for split, other in (SPLITS, SPLITS[::-1]):
        if len(found[split]) < 2:
            has = ", ".join(found[split]) or "none"
            raise UserError(
                f"dataset.path: {str(root / split)!r} needs two class folders or more, has: {has}"
            )
        if lacking := sorted(found[other].keys() - found[split].keys()):
            raise UserError(
                f"dataset.path: {str(root / split)!r} lacks the classes {', '.join(lacking)} of {other}/"
            )
    return found


@contextmanager
def _reading() -> Iterator[None]:
    """Turn what the system says of a file or folder into a UserError."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"dataset.path: {error.filename!r} cannot be read: {error.strerror}; mend it or take it away"
        ) from error


def listing(path: str, cache: Path = CACHE) -> str:
    """SHA-256 over the names and contents of the images under `path`, as hexadecimal.

    It changes when images are added, removed, renamed or edited, but not when they are copied to another
    place or touched. A file is read once: `cache` keeps its digest for as long as its size and time stay.
    Says how far it is where that takes long. Raises UserError as find_images does.
    """
    files = {
        f"{split}/{name}/{file.name}": file
        for split, classes in find_images(path).items()
        for name, entries in classes.items()
        for file in entries
    }
    known = Digests(path, cache)
    together = hashlib.sha256()
    spoken = time.monotonic()
    with _reading(), ThreadPoolExecutor(8) as pool:
        digests = pool.map(known.find, files.values())
        for number, (name, digest) in enumerate(zip(files, digests, strict=True), 1):
            together.update(os.fsencode(f"{name}\0{digest}\n"))
            if time.monotonic() - spoken > QUIET:
                log.info("%s: %s of %s images looked at", path, f"{number:,}", f"{len(files):,}")
                spoken = time.monotonic()
    known.save()
    return together.hexdigest()
