"""Every file below a folder. Standard library only: see contents.py."""

import os
from collections.abc import Iterator
from pathlib import Path

from kd.datasets.folders.suffixes import is_hidden
from kd.errors import UserError

Place = tuple[int, int]  # device and inode: what a folder is, whatever leads to it


def visible(folder: os.DirEntry | Path) -> list[os.DirEntry]:
    """What `folder` holds, without what is hidden; OSError for a link that leads nowhere.

    Behind such a link an image, or a folder of them, would be missed unseen.
    """
    with os.scandir(folder) as scanned:
        entries = [entry for entry in scanned if not is_hidden(entry.name)]
    for entry in entries:
        if entry.is_symlink():
            entry.stat()
    return entries


def place_of(folder: os.DirEntry | Path) -> Place:
    """What tells a folder from all others."""
    stat = os.stat(folder)  # noqa: PTH116 (a DirEntry's own has no inode on every system)
    return stat.st_dev, stat.st_ino


def walk(folder: os.DirEntry, above: tuple[Place, ...]) -> Iterator[tuple[str, os.DirEntry]]:
    """The files below a folder at any depth, each with its path from there; links are followed.

    `above`: the folders that it lies in. Raises OSError for what cannot be read, and UserError naming a link
    that leads back to one of them.
    """
    waiting: list[tuple[str, os.DirEntry, tuple[Place, ...]]] = [("", folder, above)]
    while waiting:  # and no recursion, whose depth Python limits
        before, here, above = waiting.pop()
        if (place := place_of(here)) in above:
            raise UserError(
                f"dataset.path: {here.path!r} leads back to a folder above it; take this link away"
            )
        for entry in visible(here):
            path = f"{before}{entry.name}"
            if entry.is_dir():
                waiting.append((f"{path}/", entry, (*above, place)))
            else:
                yield path, entry
