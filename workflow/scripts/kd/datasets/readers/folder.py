"""Which images a folder holds. Standard library only: the Snakefile asks each time it is read."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from kd.datasets.readers.class_names import parse_names, readable
from kd.errors import UserError

HELD_OUT = ("test", "val")  # what the folder of the test images may be called
SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
_LAYOUT = "the layout is train/<class>/<image> and test/<class>/<image>, or val/ in the place of test/"

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
    images_of = {}
    for entry in _visible(folder):
        if _follow(entry).is_dir():
            images = [file for file in _visible(entry) if _is_image(file.name) and _follow(file).is_file()]
            images_of[_readable(entry)] = images
            if not images:
                raise UserError(
                    f"dataset.path: no image in {entry.path!r}; allowed are {', '.join(SUFFIXES)}"
                )
    return images_of


def _readable(entry: os.DirEntry) -> str:
    """The name of a class, which results will carry."""
    try:
        entry.name.encode()
    except UnicodeEncodeError as error:
        raise UserError(f"dataset.path: the name of {entry.path!r} is no UTF-8 text; rename it") from error
    return entry.name


def _is_image(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


def find_images(path: str, test_folder: str | None = None) -> Images:
    """The image files under `path` by split, "train" and "test", and class; a leading ~ is the home folder.

    Those of "test" are in test/ or in val/; if both are there, `test_folder` names the one to use.
    Other files, hidden ones and deeper folders are ignored. Raises UserError naming `dataset.path` and the
    folder when a split is missing, a class has no image, there are fewer than two classes, or the two
    splits have different classes; and naming what cannot be read, such as a link to nowhere.
    """
    root = root_of(path)
    folders = [root / "train", root / (test_folder or _held_out(root))]
    with reading_images():
        train, test = (_classes(folder) for folder in folders)
    for folder, other, here, there in ((*folders, train, test), (*folders[::-1], test, train)):
        if len(here) < 2:
            has = ", ".join(here) or "none"
            raise UserError(f"dataset.path: {str(folder)!r} needs two class folders or more, has: {has}")
        if lacking := sorted(there.keys() - here.keys()):
            raise UserError(
                f"dataset.path: {str(folder)!r} lacks the classes {', '.join(lacking)} of {other.name}/"
            )
    return {"train": train, "test": test}


def root_of(path: str) -> Path:
    """`path` as a folder, a leading ~ resolved; UserError if there can be none of this name."""
    try:
        root = Path(path).expanduser()
        root.is_dir()
    except (RuntimeError, OSError) as error:
        raise UserError(f"dataset.path: {path[:60]!r} is no folder: {error}") from error
    return root


def _held_out(root: Path) -> str:
    """What the folder of the test images is called."""
    there = [name for name in HELD_OUT if (root / name).is_dir()]
    if len(there) > 1:
        raise UserError(
            f"dataset.path: {str(root)!r} has both test/ and val/; name the one to test with in"
            f" dataset.test_folder: {' or '.join(HELD_OUT)}"
        )
    return there[0] if there else HELD_OUT[0]


def names_of(path: str, class_names: str, classes: Sequence[str]) -> tuple[str, ...]:
    """Readable names of the `classes` under `path`, from the file `class_names` there (see
    kd.datasets.readers.class_names).

    Raises UserError naming `dataset.class_names` and the file when it cannot be read or lacks a class.
    """
    try:
        file = root_of(path) / Path(class_names).expanduser()
        return readable(classes, parse_names(file.read_text(encoding="utf-8")))
    except (RuntimeError, OSError) as error:
        raise UserError(f"dataset.class_names: {class_names[:60]!r} cannot be read: {error}") from error
    except ValueError as error:
        raise UserError(f"dataset.class_names: {str(file)!r}: {error}") from error


@contextmanager
def reading_images() -> Iterator[None]:
    """Turn the system's error about a file or folder into a UserError."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"dataset.path: {error.filename!r} cannot be read: {error.strerror}; mend it or take it away"
        ) from error
