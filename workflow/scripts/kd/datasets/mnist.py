"""MNIST (LeCun, Bottou, Bengio & Haffner 1998): 28x28, grey, ten handwritten digits.

60,000 training and 10,000 test images in four files.
"""

from pathlib import Path

from kd.data.dataset import RawSplits
from kd.datasets.readers.idx import load_idx

MIRROR = "https://ossci-datasets.s3.amazonaws.com/mnist"  # torchvision's first; the authors' refuses many
FILES = {
    "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
SIZES = {
    "train-images-idx3-ubyte.gz": 9_912_422,
    "train-labels-idx1-ubyte.gz": 28_881,
    "t10k-images-idx3-ubyte.gz": 1_648_877,
    "t10k-labels-idx1-ubyte.gz": 4_542,
}  # bytes
PAD = 2  # four pixels of margin are all that the digits have, and not on every side: 4 would cut strokes off
FLIP = False  # a mirrored digit is another sign
PUBLISHED = {"shape": (28, 28, 1), "mean": (0.1307,), "std": (0.3081,)}
PAPER = (
    "LeCun, Bottou, Bengio & Haffner 1998, Gradient-Based Learning Applied to Document Recognition,"
    " Proceedings of the IEEE 86(11)"
)
LICENCE = "unknown: the authors' page states none; Keras' documentation says CC BY-SA 3.0"
HUB = "ylecun/mnist"


def load(downloads: Path) -> RawSplits:
    """Images (N, 28, 28, 1) from the four files in `downloads`, in their order.

    Raises UserError naming the file that is corrupt or malformed.
    """
    return load_idx(downloads, map(str, range(10)), "MNIST")
