"""The metadata of Open Images V7, in its own files: which images show a class, and whose they are.

Their form is described at https://storage.googleapis.com/openimages/web/download_v7.html. The largest has
2.7 GB: each is read as a stream, and only what concerns the classes asked for is kept.
"""

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kd.datasets.open_images.boxes import Box
from kd.datasets.open_images.rows import read_rows
from kd.errors import UserError, did_you_mean

CLASSES = "v7/oidv7-class-descriptions.csv"
LABELS = {
    "train": "v7/oidv7-train-annotations-human-imagelabels.csv",
    "validation": "v7/oidv7-val-annotations-human-imagelabels.csv",
    "test": "v7/oidv7-test-annotations-human-imagelabels.csv",
}
IMAGES = {
    "train": "v6/oidv6-train-images-with-labels-with-rotation.csv",
    "validation": "2018_04/validation/validation-images-with-rotation.csv",
    "test": "2018_04/test/test-images-with-rotation.csv",
}
BOXES = {
    "train": "v6/oidv6-train-annotations-bbox.csv",
    "validation": "v5/validation-annotations-bbox.csv",
    "test": "v5/test-annotations-bbox.csv",
}
FACTS = ("License", "Author", "AuthorProfileURL", "Title", "OriginalLandingURL", "OriginalURL")
_VERIFIED = {"1": True, "1.0": True, "0": False, "0.0": False}  # both spellings are there
_TURNS = {"": None, "nan": None} | {f"{turn}{end}": turn for turn in (0, 90, 180, 270) for end in ("", ".0")}
_ID = re.compile("[0-9a-f]{16}")  # becomes a file's name


@dataclass(frozen=True)
class Info:
    """Whose an image is, and how many degrees it has to be turned counterclockwise (None: not known)."""

    facts: dict[str, str]  # FACTS
    turn: int | None


def find_classes(path: Path, wanted: Sequence[str]) -> dict[str, str]:
    """Label ("/m/01yrx") and name of each class in `wanted`, in this order; CLASSES is in `path`.

    A class is named by its display name, or by its label where several share a name.
    Raises UserError naming every one that is not there, or means several or the same.
    """
    names = dict(read_rows(path, ("LabelName", "DisplayName")))
    labels: dict[str, list[str]] = {}
    for label, name in names.items():
        labels.setdefault(name, []).append(label)
    named: dict[str, str] = {}
    wrong = []
    for name in wanted:
        meant = [name] if name in names else labels.get(name, [])
        if not meant:
            wrong.append(f"Open Images has no class {name!r}{did_you_mean(name, labels)}")
        elif len(meant) > 1:
            wrong.append(f"{name!r} is the name of {len(meant)} classes; take one of {', '.join(meant)}")
        elif meant[0] in named:
            wrong.append(f"{name!r} is there twice")
        else:
            named[meant[0]] = f"{names[name]} ({name})" if name in names else name
    if wrong:
        raise UserError(f"dataset.classes: {'; '.join(wrong)}")
    return named


def find_images(path: Path, labels: Collection[str], seed: int) -> dict[str, list[str]]:
    """Of each label the images that show it and no other of `labels`, in the order of a draw.

    LABELS is in `path`. People have to have seen it in the image; where they disagree that is left out. The
    order is that of SHA-256("seed:image"), so that it does not depend on how many are taken.
    """
    bits = {label: 1 << place for place, label in enumerate(labels)}
    seen: dict[str, int] = {}  # image -> classes that are in it, and above those the ones that are not
    for image, label, confidence in read_rows(path, ("ImageID", "LabelName", "Confidence")):
        if bit := bits.get(label):
            if confidence not in _VERIFIED:
                raise UserError(f"{path}: the Confidence of {image} is {confidence!r}; 0 or 1 is allowed")
            seen[image] = seen.get(image, 0) | (bit if _VERIFIED[confidence] else bit << len(bits))
    single = {bit: label for label, bit in bits.items()}
    images_of: dict[str, list[str]] = {label: [] for label in labels}
    for image, both in seen.items():
        label = single.get(both & ((1 << len(bits)) - 1))
        if label and not both >> len(bits) & bits[label]:
            images_of[label].append(_checked(path, image))

    def rank(image: str) -> bytes:
        return hashlib.sha256(f"{seed}:{image}".encode()).digest()

    return {label: sorted(images, key=rank) for label, images in images_of.items()}


def _checked(path: Path, image: str) -> str:
    if not _ID.fullmatch(image):
        raise UserError(f"{path}: {image[:40]!r} is no ImageID, which has 16 hexadecimal digits")
    return image


def find_boxes(path: Path, labels: Mapping[str, str]) -> dict[str, Box]:
    """The largest box of its label (image -> label) in each image that has one; BOXES is in `path`.

    Boxes around a group do not count. Raises UserError for a box that is none.
    """
    boxes: dict[str, Box] = {}
    columns = ("ImageID", "LabelName", "XMin", "XMax", "YMin", "YMax", "IsGroupOf")
    for image, label, *sides, group in read_rows(path, columns):
        if labels.get(image) == label and group != "1":
            try:
                box = Box(*map(float, sides))
            except ValueError:
                box = Box(0, 0, 0, 0)
            if not (0 <= box.left < box.right <= 1 and 0 <= box.top < box.bottom <= 1):
                raise UserError(f"{path}: a box of {image} is {', '.join(sides)}; shares of 1 are needed")
            if image not in boxes or box.area > boxes[image].area:
                boxes[image] = box
    return boxes


def find_info(path: Path, images: Collection[str]) -> dict[str, Info]:
    """Licence, author and orientation of `images`, as far as they are listed; IMAGES is in `path`."""
    infos = {}
    for image, turn, *facts in read_rows(path, ("ImageID", "Rotation", *FACTS)):
        if image in images:
            if turn not in _TURNS:
                raise UserError(f"{path}: the Rotation of {image} is {turn!r}; 0, 90, 180 or 270 is allowed")
            infos[image] = Info(dict(zip(FACTS, facts, strict=True)), _TURNS[turn])
    return infos
