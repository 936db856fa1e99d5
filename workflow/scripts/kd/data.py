"""The forms a data set takes: what its `load` returns, and the file that every training job reads.

Torch is imported only when that file is read, so that preparing a data set does not wait for it.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from kd.errors import UserError
from kd.files import whole

if TYPE_CHECKING:
    import torch

PARTS = ("train", "validation", "test")
_TENSORS = tuple(f"{part}_{kind}" for part in PARTS for kind in ("images", "labels"))
_FACTS = ("classes", "mean", "std", "pad", "flip")
Array = TypeVar("Array")  # numpy.ndarray when prepared, torch.Tensor when read back


@dataclass(frozen=True, eq=False)
class RawSplits:
    """What a data set's `load` returns; both image arrays are (N, H, W, C) uint8, labels (N,) int64.

    Raises ValueError when the arrays do not fit together: a mistake in a data set's own file.
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    classes: tuple[str, ...]  # label k is called classes[k]

    def __post_init__(self) -> None:
        if self.train_images.shape[1:] != self.test_images.shape[1:]:
            raise ValueError(f"training and test images: {self.train_images.shape}, {self.test_images.shape}")
        pairs = (self.train_images, self.train_labels), (self.test_images, self.test_labels)
        for images, labels in pairs:
            if images.ndim != 4 or images.dtype != np.uint8:
                raise ValueError(f"images must be (N, H, W, C) uint8, not {images.shape} {images.dtype}")
            if labels.shape != images.shape[:1] or labels.dtype != np.int64:
                raise ValueError(f"labels must be ({len(images)},) int64, not {labels.shape} {labels.dtype}")
            if labels.min() < 0 or labels.max() >= len(self.classes):
                raise ValueError(f"labels must be 0 to {len(self.classes) - 1}")


@dataclass(frozen=True, eq=False)
class Dataset(Generic[Array]):
    """Three parts that share no image, and what is needed to feed them to a network.

    Images are (N, H, W, C) uint8, labels (N,) int64.
    """

    train_images: Array
    train_labels: Array
    validation_images: Array
    validation_labels: Array
    test_images: Array
    test_labels: Array
    classes: tuple[str, ...]
    mean: tuple[float, ...]  # per channel, of pixels scaled to [0, 1]
    std: tuple[float, ...]
    pad: int  # pixels on each side from which random crops are taken
    flip: bool  # whether a mirrored image still belongs to its class

    def tensors(self) -> dict[str, Array]:
        """The six arrays by name."""
        return {name: getattr(self, name) for name in _TENSORS}


def write_dataset(path: Path, dataset: Dataset[np.ndarray]) -> None:
    """Write the six arrays, and the rest as JSON metadata, to a .safetensors file that is whole or absent.

    The same data set gives the same bytes: there is one metadata key because safetensors shuffles several.
    """
    facts = {name: getattr(dataset, name) for name in _FACTS}
    # safetensors writes the memory of a strided array as it lies, without a word
    tensors = {name: np.ascontiguousarray(array) for name, array in dataset.tensors().items()}
    with whole(path) as temporary:
        save_file(tensors, temporary, {"facts": json.dumps(facts, sort_keys=True)})


def read_dataset(path: Path) -> "Dataset[torch.Tensor]":
    """The data set in `path`, as torch tensors in host memory.

    Raises UserError naming the file when it is missing, cut short or something else than write_dataset wrote.
    """
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads(file.metadata()["facts"])
            tensors = {name: file.get_tensor(name) for name in _TENSORS}
        for name in ("classes", "mean", "std"):
            facts[name] = tuple(facts[name])
        return Dataset(**tensors, **facts)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: not a whole data set ({error}); delete it and run again") from error
