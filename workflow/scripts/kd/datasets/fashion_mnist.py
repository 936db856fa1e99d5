"""Fashion-MNIST (Xiao, Rasul & Vollgraf 2017, arXiv:1708.07747): 28x28, grey, ten kinds of clothing.

60,000 training and 10,000 test images, in files of MNIST's form.
"""

from pathlib import Path

from kd.data.dataset import RawSplits
from kd.datasets.readers.idx import load_idx

MIRROR = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"
FILES = {
    "train-images-idx3-ubyte.gz": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    "train-labels-idx1-ubyte.gz": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    "t10k-images-idx3-ubyte.gz": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    "t10k-labels-idx1-ubyte.gz": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
}
SIZES = {
    "train-images-idx3-ubyte.gz": 26_421_880,
    "train-labels-idx1-ubyte.gz": 29_515,
    "t10k-images-idx3-ubyte.gz": 4_422_102,
    "t10k-labels-idx1-ubyte.gz": 5_148,
}  # bytes
PAD = 4
FLIP = True
PUBLISHED = {"shape": (28, 28, 1), "mean": (0.2860,), "std": (0.3530,)}
PAPER = "Xiao, Rasul & Vollgraf 2017, Fashion-MNIST: a Novel Image Dataset, arXiv:1708.07747"
LICENCE = "MIT, copyright Zalando SE"
HUB = "zalando-datasets/fashion_mnist"

NAMES = "T-shirt/top, Trouser, Pullover, Dress, Coat, Sandal, Shirt, Sneaker, Bag, Ankle boot"


def load(downloads: Path) -> RawSplits:
    """Images (N, 28, 28, 1) from the four files in `downloads`, in their order.

    Raises UserError naming the file that is corrupt or malformed.
    """
    return load_idx(downloads, NAMES.split(", "), "Fashion-MNIST")
