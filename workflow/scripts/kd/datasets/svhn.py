"""SVHN (Netzer et al. 2011), the cropped digits: 32x32, colour, numerals on houses in Google Street View.

73,257 training and 26,032 test images of ten digits. The 531,131 easier ones of the `extra` part are not
used. The files are of MATLAB 5, which SciPy reads without running anything: what is an object or a function
in them it returns as data, and such data are refused here.
"""

from pathlib import Path

import numpy as np

from kd.data.dataset import RawSplits
from kd.datasets.readers.archive import reading

MIRROR = "http://ufldl.stanford.edu/housenumbers"
FILES = {
    "train_32x32.mat": "435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8",
    "test_32x32.mat": "cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b",
}
SIZES = {"train_32x32.mat": 182_040_794, "test_32x32.mat": 64_275_384}  # bytes
PAD = 4
FLIP = False  # a mirrored digit is another sign
PUBLISHED = {"shape": (32, 32, 3), "mean": (0.4377, 0.4438, 0.4728), "std": (0.1980, 0.2010, 0.1970)}
PAPER = (
    "Netzer, Wang, Coates, Bissacco, Wu & Ng 2011, Reading Digits in Natural Images with Unsupervised"
    " Feature Learning, NIPS Workshop on Deep Learning and Unsupervised Feature Learning"
)
LICENCE = "non-commercial use only, as its cards at Hugging Face report of the authors' page"
HUB = "ufldl-stanford/svhn"


def load(downloads: Path) -> RawSplits:
    """Images (N, 32, 32, 3) from the two files in `downloads`, in their order; class k is the digit k.

    Raises UserError naming the file that is corrupt or malformed.
    """
    parts = [array for name in FILES for array in _read(downloads / name)]
    return RawSplits(*parts, tuple(map(str, range(10))))


def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, 32, 32, 3) uint8 and labels (N,) int64 of one file."""
    from scipy.io import loadmat  # here, because it takes a second to import

    with reading(path, "a file of SVHN"), open(path, "rb") as file:
        content = loadmat(file, variable_names=("X", "y"))
        images, labels = content["X"], content["y"]
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[:3] != (32, 32, 3):
            raise ValueError(f"X is {images.shape} {images.dtype}; (32, 32, 3, N) uint8 is allowed")
        if labels.dtype.kind not in "iuf" or labels.shape != (images.shape[3], 1):
            raise ValueError(f"y is {labels.shape} {labels.dtype}; ({images.shape[3]}, 1) is allowed")
        if wrong := sorted(set(labels[:, 0].tolist()) - set(range(1, 11))):
            raise ValueError(f"the label {wrong[0]}; 1 to 10 are allowed")
    return images.transpose(3, 0, 1, 2), labels[:, 0].astype(np.int64) % 10  # 10 stands for the digit 0
