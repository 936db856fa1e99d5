"""The classes of a split: a folder each. Standard library only: see contents.py."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from kd.datasets.folders.suffixes import ALLOWED, is_image, kind_of
from kd.datasets.folders.walk import place_of, visible, walk
from kd.datasets.readers.class_names import composed
from kd.errors import UserError

Classes = dict[str, dict[str, os.DirEntry]]  # class -> path of an image below it -> file


def classes_in(folder: Path, unused: dict[str, list[str]]) -> Classes:
    """The images of each class folder inside `folder`, in order; the names of other files go to `unused`.

    A class may hold deeper folders: its own images come first, then theirs. Raises UserError naming the
    folder for a class without an image, and for two that have one name; OSError for what cannot be read.
    """
    classes: Classes = {}
    above = (place_of(folder.parent), place_of(folder))
    for entry in sorted(visible(folder), key=lambda entry: composed(entry.name)):
        if not entry.is_dir():
            unused.setdefault(_kind(entry), []).append(f"{folder.name}/{entry.name}")
            continue
        name = _class_name(entry)
        if name in classes:
            raise UserError(
                f"dataset.path: {str(folder)!r} has two folders of the class {name!r}, of which one is"
                f" {entry.name!a}; merge them"
            )
        images, others = {}, {}
        for path, file in sorted(walk(entry, above), key=_in_order):
            if is_image(file.name) and file.is_file():
                images[path] = file
            else:
                others.setdefault(_kind(file), []).append(f"{folder.name}/{name}/{path}")
        if not images:
            holds = f", which holds {counted(others)}" if others else ""
            raise UserError(f"dataset.path: no image in {entry.path!r}{holds}; {ALLOWED}")
        classes[name] = images
        for kind, names in others.items():
            unused.setdefault(kind, []).extend(names)
    return classes


def _in_order(image: tuple[str, os.DirEntry]) -> tuple[str, ...]:
    """By folder, then by name (code points, whatever the locale), as torchvision's ImageFolder has it."""
    folder, _, name = image[0].rpartition("/")
    return composed(folder), composed(name), image[0]


def _kind(file: os.DirEntry) -> str:
    return kind_of(file.name) if file.is_file() else "pipe or device"


def counted(files: Mapping[str, Sequence[str]]) -> str:
    """How many files of each kind there are, the most frequent first: `.heic 4, .txt 1`."""
    most = sorted(files, key=lambda kind: (-len(files[kind]), kind))
    return ", ".join(f"{kind} {len(files[kind]):,}" for kind in most)


def _class_name(entry: os.DirEntry) -> str:
    """The name of a class, which results will carry."""
    try:
        entry.name.encode()
    except UnicodeEncodeError as error:
        raise UserError(f"dataset.path: the name of {entry.path!r} is no UTF-8 text; rename it") from error
    return composed(entry.name)
