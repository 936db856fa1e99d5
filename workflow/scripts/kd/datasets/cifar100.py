"""CIFAR-100 (Krizhevsky 2009, "Learning Multiple Layers of Features from Tiny Images"): 32x32, colour.

50,000 training and 10,000 test images of a hundred classes, which make up twenty of five each. As of
CIFAR-10 the binary archive is read, because the Python one is made of pickles.
"""

from pathlib import Path
from typing import Literal

from kd.data.dataset import RawSplits
from kd.datasets.readers.archive import reading, tar_members
from kd.datasets.readers.cifar import decode

MIRROR = "https://www.cs.toronto.edu/~kriz"
FILES = {"cifar-100-binary.tar.gz": "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec"}
SIZES = {"cifar-100-binary.tar.gz": 168_513_733}  # bytes
PAD = 4
FLIP = True
PUBLISHED = {"shape": (32, 32, 3), "mean": (0.5071, 0.4865, 0.4409), "std": (0.2673, 0.2564, 0.2762)}
PAPER = "Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images (technical report, Toronto)"
LICENCE = "unknown: the authors state none, and ask that their technical report is cited"
HUB = "uoft-cs/cifar100"

FOLDER = "cifar-100-binary"
BYTES = ("coarse", "fine")  # the labels at the beginning of a record


def load(downloads: Path, *, labels: Literal["fine", "coarse"] = "fine") -> RawSplits:
    """Images (N, 32, 32, 3) from the archive in `downloads`, in the archive's order.

    `labels`: the 100 `fine` classes, or the 20 `coarse` ones that they make up.

    Raises UserError naming the archive when it is corrupt, or a file in it is missing or malformed.
    """
    (name,) = FILES
    names = f"{labels}_label_names.txt"
    with reading(downloads / name, "the CIFAR-100 archive"):
        members = tar_members(downloads / name, FOLDER, ("train.bin", "test.bin", names))
        classes = tuple(members[names].decode("ascii").split())
        train, test = (
            decode(members, (part,), len(classes), labels=len(BYTES), label=BYTES.index(labels))
            for part in ("train.bin", "test.bin")
        )
        return RawSplits(*train, *test, classes)
