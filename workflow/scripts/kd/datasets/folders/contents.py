"""Which images a folder holds. Standard library only: the Snakefile asks each time it is read."""

import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from kd.datasets.folders.classes import Classes, classes_in
from kd.datasets.folders.split import KEY, PATTERN, Digest, SplitOptions, split_folder
from kd.datasets.folders.suffixes import is_hidden
from kd.datasets.readers.class_names import parse_names, readable
from kd.errors import UserError, did_you_mean

TRAIN, HELD_OUT = "train", ("test", "val", "valid", "validation")  # folders of the training and test images
MOST = 10  # names in a message
_LAYOUT = (
    "the layout is train/<class>/<image> and test/<class>/<image>, or val/ in the place of test/; folders of"
    " classes alone are split by dataset.test_fraction: 0.2"
)


@dataclass(frozen=True)
class Contents:
    """What a folder of images holds; classes and images are in the order of labels and rows."""

    classes: dict[str, Classes]  # of each split, "train" and "test"
    unused: dict[str, list[str]]  # kind of the files that are not used -> their names
    beside: list[str]  # folders beside those of the two splits
    # Of class folders that were split here: the group of each image <class>/<path>, and those that group_by
    # does not match.
    groups: dict[str, str] = field(default_factory=dict)
    unmatched: list[str] = field(default_factory=list)

    def files(self, split: str) -> dict[str, os.DirEntry]:
        """The images of a split by name: <split>/<class>/<path of the image>."""
        return {
            f"{split}/{name}/{path}": file
            for name, images in self.classes[split].items()
            for path, file in images.items()
        }

    def groups_of(self, split: str) -> tuple[str, ...] | None:
        """The group of each image of a split, in order; None where the folder came with its splits."""
        names = (name.partition("/")[2] for name in self.files(split))
        return tuple(self.groups[name] for name in names) if self.groups else None


def find_images(
    path: str,
    test_folder: str | None = None,
    options: SplitOptions | None = None,
    digests: Digest | None = None,
) -> Contents:
    """The image files under `path`; a leading ~ is the home folder.

    Those of "test" are in test/, val/, valid/ or validation/; if several are there, `test_folder` names the
    one to use. With `options` there are class folders alone, which are split by them and by the `digests` of
    their images (see split.py). A class is a folder, and its images are all below it, in order of name: first
    its own, then those of deeper folders. Hidden files are ignored, others that are no images are listed as
    unused. Raises UserError naming `dataset.path` and the folder when a split is missing, a class has no
    image, there are fewer than two classes, or the two splits have different classes; and naming what cannot
    be read, such as a link to nowhere.
    """
    root = root_of(path)
    with reading_images():
        return _split(root, test_folder, options, digests) if options else _as_it_is(root, test_folder)


def _as_it_is(root: Path, test_folder: str | None) -> Contents:
    """The images of a folder that has both splits."""
    folders = [root / TRAIN, root / (test_folder or _held_out(root))]
    unused: dict[str, list[str]] = {}
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"dataset.path: no folder {str(folder)!r}; {_LAYOUT}")
    train, test = (classes_in(folder, unused) for folder in folders)
    used = {folder.name for folder in folders}
    beside = [entry.name for entry in root.iterdir() if entry.is_dir() and not is_hidden(entry.name)]
    for folder, other, here, there in ((*folders, train, test), (*folders[::-1], test, train)):
        if len(here) < 2:
            has = ", ".join(map(repr, here)) or "none"
            raise UserError(f"dataset.path: {str(folder)!r} needs two class folders or more, has: {has}")
        if lacking := there.keys() - here.keys():
            names = _spelled(lacking, here.keys() - there.keys())
            raise UserError(f"dataset.path: {str(folder)!r} lacks the classes {names} of {other.name}/")
    return Contents({"train": train, "test": test}, unused, sorted({*beside} - used))


def _split(root: Path, test_folder: str | None, options: SplitOptions, digests: Digest) -> Contents:
    """The images of class folders, split here."""
    if not root.is_dir():
        raise UserError(f"dataset.path: no folder {str(root)!r}, which should hold a folder for each class")
    if test_folder or is_split(root):
        raise UserError(
            f"{KEY}: is for class folders without train/ and test/, but {str(root)!r} has them; leave"
            " test_fraction out"
        )
    unused: dict[str, list[str]] = {}
    classes, groups, unmatched = split_folder(root, options, unused, digests)
    return Contents(classes, unused, [], groups, unmatched)


def is_split(root: Path) -> bool:
    """Whether a folder has train/ and test/, or one in its place, with folders in them."""
    held_out = any((root / name).is_dir() for name in HELD_OUT)
    return held_out and (root / TRAIN).is_dir() and any(entry.is_dir() for entry in (root / TRAIN).iterdir())


def split_options(test_fraction: float | None, group_by: str | None, test_seed: int) -> SplitOptions | None:
    """How class folders are split, by the options of the data set; None where they are split already.

    Raises UserError for options that need `test_fraction`.
    """
    if test_fraction is None and group_by is not None:
        raise UserError(f"{PATTERN}: goes with test_fraction, for class folders without train/ and test/")
    return None if test_fraction is None else SplitOptions(test_fraction, group_by, test_seed)


def _spelled(names: Collection[str], others: Collection[str]) -> str:
    """Names in quotation marks; of one that looks like one of the `others`, every character."""
    shown = []
    for name in sorted(names)[:MOST]:
        near = did_you_mean(name, others)
        shown.append(f"{name!a} ({near.removeprefix('; ')})" if near else repr(name))
    return ", ".join(shown) + (f" and {len(names) - MOST} more" if len(names) > MOST else "")


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
        folders = " and ".join(f"{name}/" for name in there)
        raise UserError(
            f"dataset.path: {str(root)!r} has {'both ' * (len(there) == 2)}{folders}; name the one to test"
            f" with in dataset.test_folder: {' or '.join(there)}"
        )
    return there[0] if there else HELD_OUT[0]


def names_of(path: str, class_names: str, classes: Sequence[str]) -> tuple[str, ...]:
    """Readable names of the `classes` under `path`, from the file `class_names` there (see
    kd.datasets.readers.class_names).

    Raises UserError naming `dataset.class_names` and the file when it cannot be read or lacks a class.
    """
    try:
        file = root_of(path) / Path(class_names).expanduser()
        return readable(classes, parse_names(file.read_text(encoding="utf-8-sig")))
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
