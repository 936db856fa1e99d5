"""Tiny ImageNet (Le & Yang 2015, of Stanford's course CS231n): 64x64, colour, 200 classes of ImageNet.

100,000 training images, and for the test the 10,000 of its validation split: the labels of its own test
split were never published.
"""

import io
import zipfile
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from kd.data.dataset import RawSplits
from kd.datasets.readers.archive import reading
from kd.datasets.readers.class_names import parse_names, readable
from kd.datasets.readers.images import Decoded, fitted

MIRROR = "http://cs231n.stanford.edu"
FILES = {"tiny-imagenet-200.zip": "6198c8ae015e2b3e007c7841da39ec069199b9aa3bfa943a462022fe5e43c821"}
SIZES = {"tiny-imagenet-200.zip": 248_100_043}  # bytes
PAD = 8  # 578 views with mirroring: a teacher's table of targets takes 21 GB; `pad: 4` makes it 6 GB
FLIP = True
PUBLISHED = {"shape": (64, 64, 3), "mean": (0.4802, 0.4481, 0.3975), "std": (0.2770, 0.2691, 0.2821)}
PAPER = "Le & Yang 2015, Tiny ImageNet Visual Recognition Challenge (report of the course CS231n, Stanford)"
LICENCE = "unknown: the authors state none; the images come from ImageNet"
HUB = "zh-plus/tiny-imagenet"

FOLDER = "tiny-imagenet-200"
SIDE = 64


def load(downloads: Path) -> RawSplits:
    """Images (N, 64, 64, 3) from the archive in `downloads`; classes and images in order of their file names.

    Grey images become RGB. Raises UserError naming the archive when it is corrupt, or a file in it is missing
    or malformed.
    """
    (name,) = FILES
    with reading(downloads / name, "the Tiny ImageNet archive"), zipfile.ZipFile(downloads / name) as archive:
        wnids = sorted(_text(archive, "wnids.txt").split())
        classes = readable(wnids, parse_names(_text(archive, "words.txt")))
        arrays = []
        for split, find in (("training", _find_train), ("test", _find_test)):
            if not (pairs := find(archive, wnids)):
                raise ValueError(f"it has no {split} image")
            members, labels = zip(*pairs, strict=True)
            arrays.append(Decoded(members, lambda member: _read(archive, member), SIDE, split)[:])
            arrays.append(np.array(labels, dtype=np.int64))
        return RawSplits(*arrays, classes)


def _text(archive: zipfile.ZipFile, name: str) -> str:
    return archive.read(f"{FOLDER}/{name}").decode("utf-8")


def _find_train(archive: zipfile.ZipFile, wnids: list[str]) -> list[tuple[str, int]]:
    """Members train/<wnid>/images/<image>.JPEG, each with its label."""
    labels = {f"{FOLDER}/train/{wnid}/images": label for label, wnid in enumerate(wnids)}
    members = [member for member in sorted(archive.namelist()) if member.endswith(".JPEG")]
    folders = [(member, str(PurePosixPath(member).parent)) for member in members]
    if lacking := labels.keys() - {folder for _, folder in folders}:
        raise ValueError(f"no image in {min(lacking)}")
    return [(member, labels[folder]) for member, folder in folders if folder in labels]


def _find_test(archive: zipfile.ZipFile, wnids: list[str]) -> list[tuple[str, int]]:
    """Members val/images/<image>.JPEG, each with the label that val_annotations.txt gives it."""
    pairs = []
    for line in _text(archive, "val/val_annotations.txt").splitlines():
        image, wnid, *_box = (*line.split("\t"), "")
        if wnid not in wnids:
            raise ValueError(f"val_annotations.txt has the class {wnid!r} for {image}, which wnids.txt lacks")
        pairs.append((f"{FOLDER}/val/images/{image}", wnids.index(wnid)))
    return sorted(pairs)


def _read(archive: zipfile.ZipFile, member: str) -> np.ndarray:
    """One image as (64, 64, 3) uint8."""
    content = archive.read(member)
    try:
        with Image.open(io.BytesIO(content), formats=("JPEG",)) as image:
            return fitted(image, SIDE)
    except Exception as error:  # what a broken image raises depends on how it is broken
        raise ValueError(f"{member} is no whole JPEG image") from error
