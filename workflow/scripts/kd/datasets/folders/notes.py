"""What there is to say of a folder of images: what is not used, and what is odd about what is."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

from kd.datasets.folders.classes import counted
from kd.datasets.folders.contents import TRAIN, Contents
from kd.datasets.folders.near_duplicates import near_duplicates
from kd.datasets.folders.record import Seen
from kd.datasets.folders.suffixes import FOREIGN
from kd.errors import shown

DARK = 32  # of 256 levels: an eighth of the range


def notes_on(contents: Contents, seen: Mapping[str, Seen]) -> list[str]:
    """Lines for the log and the data card; an image is called <split>/<class>/<path>."""
    # By split and name; images that are not in the sample that is used were not read.
    seen = {name: seen[name] for split in contents.classes for name in contents.files(split) if name in seen}
    notes = [*_unused(contents), *_copies(seen, grouped=bool(contents.groups)), *_near_duplicates(seen)]
    if transparent := [name for name, image in seen.items() if image.transparent]:
        notes.append(
            f"images with transparent pixels: {len(transparent):,} (such as {shown(transparent[0])}); the"
            " colour that is stored there is used, often black"
        )
    deep = [image.brightest for image in seen.values() if image.deep]
    if deep and max(deep) < DARK:
        notes.append(
            f"images of 16 bits that are nearly black: all {len(deep):,}, as no value is above an eighth of"
            " the range; multiply values of 12 bits by 16"
        )
    return notes


def _unused(contents: Contents) -> list[str]:
    notes = []
    if unused := contents.unused:
        names = sorted(name for files in unused.values() for name in files)
        foreign = ", ".join(sorted(unused.keys() & set(FOREIGN)))
        convert = f"; convert {foreign} to .png or .jpg to use them" if foreign else ""
        notes.append(
            f"files that are not used, no images by their suffix: {len(names):,} ({shown(counted(unused))};"
            f" {shown(names[0])}){convert}"
        )
    if contents.beside:
        notes.append(
            f"folders that are not used, beside those of the two splits: {shown(', '.join(contents.beside))}"
        )
    if alone := contents.unmatched:
        notes.append(
            f"images that dataset.group_by does not match: {len(alone):,} (such as {shown(alone[0])});"
            " each is a group of its own"
        )
    return notes


def _copies(seen: Mapping[str, Seen], *, grouped: bool) -> list[str]:
    """Images whose files are the same, byte for byte."""
    names_of: defaultdict[bytes, list[str]] = defaultdict(list)
    for name, image in seen.items():
        names_of[image.digest].append(name)
    groups = [names for names in names_of.values() if len(names) > 1]
    notes = []
    if pairs := [pair for names in groups for pair in _pairs(names, _split)]:
        notes.append(
            f"test images that are training images, too: {len(pairs):,} ({_is(pairs)}); accuracy on the test"
            " split is too high by them"
        )
    trained = ([name for name in names if _split(name) == TRAIN] for names in groups)
    if pairs := [(names[0], copy) for names in trained for copy in names[1:]]:
        share = "" if grouped else "; training and validation split may share them"
        notes.append(f"training images that are there again: {len(pairs):,} ({_is(pairs)}){share}")
    if pairs := [pair for names in groups for pair in _pairs(names, _class)]:
        notes.append(f"images that are in another class, too: {len(pairs):,} ({_is(pairs)})")
    return notes


def _near_duplicates(seen: Mapping[str, Seen]) -> list[str]:
    """Test images that are near-duplicates of training images, and no copies of them."""
    train, test = ([name for name in seen if (_split(name) == TRAIN) == wanted] for wanted in (True, False))
    thumbnails = {name: image.thumbnail for name, image in seen.items()}
    pairs = near_duplicates([thumbnails[name] for name in train], [thumbnails[name] for name in test])
    if pairs is None:
        return ["near-duplicates of training images in the test split: not searched, too many images"]
    near = [(train[i], test[j]) for i, j in pairs if seen[train[i]].digest != seen[test[j]].digest]
    if not near:
        return []
    first, other = map(shown, near[0])
    return [
        f"near-duplicates of training images in the test split: {len(near):,} ({first} and {other}); accuracy"
        " on the test split is too high by them; keep shots of one scene in one split, for class folders by"
        " dataset.group_by"
    ]


def _pairs(names: list[str], part: Callable[[str], str]) -> Iterable[tuple[str, str]]:
    """The first of the names, with each that differs from it in this part."""
    return ((names[0], name) for name in names[1:] if part(name) != part(names[0]))


def _split(name: str) -> str:
    return name.split("/")[0]


def _class(name: str) -> str:
    return name.split("/")[1]


def _is(pairs: list[tuple[str, str]]) -> str:
    """The first pair, as an example."""
    first, other = map(shown, pairs[0])
    return f"{first} is {other}"
