"""What a folder of images holds, as far as a study of it depends on that."""

import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

from PIL import Image

from kd.datasets.folders.classes import counted
from kd.datasets.folders.contents import TRAIN, Contents, find_images, is_split, root_of
from kd.datasets.folders.listing import digests_of
from kd.datasets.folders.near_duplicates import near_duplicates, thumbnail_of
from kd.datasets.folders.split import SplitOptions
from kd.datasets.readers.images import fitted
from kd.datasets.readers.upright import upright
from kd.errors import UserError, shown
from kd.io.digests import kept_digests
from kd.io.log import logger

MOST_OPENED = 2000  # images that are opened, spread over all
SIDE = 64  # pixels to which they are decoded
FEW = 20  # images of a class; with fewer its accuracy means little
QUIET = 2.0  # seconds without a line while images are read


class Opened(NamedTuple):
    """What is kept of an image that was opened."""

    name: str  # <split>/<class>/<path>
    short_side: int  # pixels
    thumbnail: bytes


@dataclass(frozen=True)
class Inspection:
    """What a folder of images holds."""

    path: str  # as the user wrote it
    split: bool  # whether it has train/ and test/
    classes: dict[str, int]  # images of each class, in all
    training: int  # images that are not for testing
    short_side: int  # median, in pixels, of the images that were opened
    warnings: list[str] = field(default_factory=list)

    @property
    def images(self) -> int:
        """Of all classes."""
        return sum(self.classes.values())


def inspect(path: str, test_fraction: float, group_by: str | None = None) -> Inspection:
    """Open images of the folder `path`, in which each class has a folder, inside train/ and test/ or not.

    Where they are not, `test_fraction` and `group_by` say how they will be split. Raises UserError where no
    study can be made of it.
    """
    root = root_of(path)
    split = root.is_dir() and is_split(root)
    if root.is_dir() and not split and (root / TRAIN).is_dir() and _only_folder(root) == TRAIN:
        raise UserError(
            f"{path}: has {TRAIN}/ but no test/; name the folder of classes, {str(root / TRAIN)!r}, and it"
            " will be split"
        )
    options = None if split else SplitOptions(test_fraction, group_by)
    with kept_digests(path, write=not split and group_by is None) as digest_of:
        contents = find_images(path, None, options, partial(digests_of, path, digest_of))
    counts = {
        name: len(images) + len(contents.classes["test"][name])
        for name, images in contents.classes[TRAIN].items()
    }
    opened, broken = _open(path, contents)
    if not opened:
        raise UserError(f"{path}: none of the images that were tried can be read, such as {shown(broken[0])}")
    warnings = [*_of_files(contents, broken), *_of_classes(counts), *_near_duplicates(opened, split)]
    training = sum(map(len, contents.classes[TRAIN].values()))
    return Inspection(
        path, split, counts, training, int(median(seen.short_side for seen in opened)), warnings
    )


def _only_folder(root: Path) -> str | None:
    folders = [entry.name for entry in root.iterdir() if entry.is_dir() and entry.name[0] != "."]
    return folders[0] if len(folders) == 1 else None


def _open(path: str, contents: Contents) -> tuple[list[Opened], list[str]]:
    """Images that could be opened, and the names of those that could not."""
    files = contents.files(TRAIN) | contents.files("test")
    names = list(files)[:: -(-len(files) // MOST_OPENED)]
    opened, broken, reported = [], [], time.monotonic()
    Image.init()
    with ThreadPoolExecutor(4) as pool:
        for name, seen in zip(
            names, pool.map(lambda name: _open_one(name, files[name].path), names), strict=True
        ):
            opened.append(seen) if seen else broken.append(name)
            if time.monotonic() - reported > QUIET:
                logger.info("%s: %s of %s images opened", path, f"{len(opened):,}", f"{len(names):,}")
                reported = time.monotonic()
    return opened, broken


def _open_one(name: str, file: str) -> Opened | None:
    try:
        with Image.open(file) as image:
            side = min(image.size)
            image.draft("RGB", (SIDE, SIDE))  # of a JPEG no more is decoded than is needed
            return Opened(name, side, thumbnail_of(fitted(upright(image), SIDE)))
    except Exception:  # what a broken image raises depends on its format
        return None


def _of_files(contents: Contents, broken: list[str]) -> Iterable[str]:
    if broken:
        yield f"images that cannot be read: {len(broken):,} (such as {shown(broken[0])}); delete or mend them"
    if contents.unused:
        yield f"files that are not used, no images by their suffix: {shown(counted(contents.unused))}"
    if contents.unmatched:
        yield f"images that the pattern of --group-by does not match: {len(contents.unmatched):,}"


def _of_classes(counts: dict[str, int]) -> Iterable[str]:
    few = {name: count for name, count in counts.items() if count < FEW}
    if few:
        named = ", ".join(f"{shown(name)} {count}" for name, count in list(few.items())[:5])
        rare = f"classes of fewer than {FEW} images: {len(few)} of {len(counts)}"
        yield f"{rare} ({named}); add images, or merge classes"
    least, most = min(counts.values()), max(counts.values())
    if most >= 10 * least:
        yield (
            f"classes of very different sizes: {least:,} to {most:,} images; accuracy is mostly that of the"
            " large ones"
        )


def _near_duplicates(opened: list[Opened], split: bool) -> Iterable[str]:
    train, test = (
        [seen for seen in opened if (seen.name.partition("/")[0] == TRAIN) == wanted]
        for wanted in (True, False)
    )
    pairs = near_duplicates([seen.thumbnail for seen in train], [seen.thumbnail for seen in test]) or []
    if pairs:
        first, other = (
            shown(seen.name.partition("/")[2]) for seen in (train[pairs[0][0]], test[pairs[0][1]])
        )
        keep = (
            "move shots of one scene into one split"
            if split
            else "keep shots of one scene together: --group-by"
        )
        yield (
            f"near-duplicates of training images in the test split: {len(pairs):,} of {len(test):,} ({first}"
            f" and {other}); they make the test accuracy too high; {keep}"
        )
