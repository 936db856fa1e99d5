"""Which images a folder holds. Standard library only: the Snakefile asks each time it is read."""

import hashlib
import os
from pathlib import Path

from kd.errors import UserError

SPLITS = ("train", "test")
SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
_LAYOUT = "the layout is train/<class>/<image> and test/<class>/<image>"

Images = dict[str, dict[str, list[os.DirEntry]]]  # split -> class -> files, all in order of name


def _visible(folder: Path) -> list[os.DirEntry]:
    """What `folder` holds, in order of name (code points, whatever the locale); hidden entries left out."""
    with os.scandir(folder) as entries:
        return sorted((entry for entry in entries if entry.name[0] != "."), key=lambda entry: entry.name)


def _classes(folder: Path) -> dict[str, list[os.DirEntry]]:
    """Image files of each class folder inside `folder`."""
    if not folder.is_dir():
        raise UserError(f"dataset.path: no folder {str(folder)!r}; {_LAYOUT}")
    found = {}
    for entry in _visible(folder):
        if entry.is_dir():
            found[entry.name] = [e for e in _visible(entry) if e.is_file() and _is_image(e.name)]
            if not found[entry.name]:
                raise UserError(
                    f"dataset.path: no image in {entry.path!r}; allowed are {', '.join(SUFFIXES)}"
                )
    return found


def _is_image(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


def find_images(path: str) -> Images:
    """The image files under `path` by split and class; a leading ~ is the home folder.

    Other files, hidden ones and deeper folders are ignored. Raises UserError naming `dataset.path` and the
    folder when a split is missing, a class has no image, there are fewer than two classes, or the two
    splits have different classes.
    """
    root = Path(path).expanduser()
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


def listing(path: str) -> str:
    """SHA-256 over the names and sizes in bytes of the images under `path`, as hexadecimal.

    It changes when images are added, removed, renamed or resized in bytes, but not when they are copied to
    another place or touched. Raises UserError as find_images does.
    """
    digest = hashlib.sha256()
    for split, classes in find_images(path).items():
        for name, files in classes.items():
            for file in files:
                digest.update(os.fsencode(f"{split}/{name}/{file.name}\0{file.stat().st_size}\n"))
    return digest.hexdigest()
