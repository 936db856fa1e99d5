"""CIFAR-10 (Krizhevsky 2009, "Learning Multiple Layers of Features from Tiny Images"): 32x32, colour.

50,000 training and 10,000 test images of ten classes. The binary archive is read, not the Python one:
that one is made of pickles, and unpickling runs whatever code the file holds.
"""

from pathlib import Path

from kd.data.dataset import RawSplits
from kd.datasets.readers.archive import reading, tar_members
from kd.datasets.readers.cifar import decode

MIRROR = "https://www.cs.toronto.edu/~kriz"
FILES = {"cifar-10-binary.tar.gz": "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"}
SIZES = {"cifar-10-binary.tar.gz": 170_052_171}  # bytes
PAD = 4
FLIP = True
PUBLISHED = {"shape": (32, 32, 3), "mean": (0.4914, 0.4822, 0.4465), "std": (0.2470, 0.2435, 0.2616)}
PAPER = "Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images (technical report, Toronto)"
LICENCE = "unknown: the authors state none, and ask that their technical report is cited"
HUB = "uoft-cs/cifar10"

FOLDER = "cifar-10-batches-bin"
TRAIN = ("data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin")
TEST = ("test_batch.bin",)
NAMES = "batches.meta.txt"


def load(downloads: Path) -> RawSplits:
    """Images (N, 32, 32, 3) from the archive in `downloads`, in the archive's order.

    Raises UserError naming the archive when it is corrupt, or a file in it is missing or malformed.
    """
    (name,) = FILES
    with reading(downloads / name, "the CIFAR-10 archive"):
        members = tar_members(downloads / name, FOLDER, (*TRAIN, *TEST, NAMES))
        classes = tuple(members[NAMES].decode("ascii").split())
        train, test = (decode(members, part, len(classes)) for part in (TRAIN, TEST))
        return RawSplits(*train, *test, classes)
