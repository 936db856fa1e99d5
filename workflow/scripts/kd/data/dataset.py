"""The forms a data set takes: what its `load` returns, and the file that every training job reads.

Torch is imported only when that file is read, so that preparing a data set does not wait for it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

from kd.data.augmentation import Augmentation
from kd.data.shards import Packed, Shards
from kd.errors import UserError
from kd.io.tensors import Corrupt, read_tensors, write_tensors

if TYPE_CHECKING:
    import torch

SHARDS = "shards"  # the folder beside the file
PARTS = ("train", "validation", "test")
_AUGMENTATION = ("pad", "flip", "area")
_TENSORS = tuple(f"{part}_{kind}" for part in PARTS for kind in ("images", "labels"))
UNCHANGED: Mapping[str, Any] = MappingProxyType({})
Array = TypeVar("Array")  # numpy.ndarray when prepared, torch.Tensor when read back


@dataclass(frozen=True, eq=False)
class RawSplits:
    """What a data set's `load` returns; both image arrays are (N, H, W, C) uint8, labels (N,) int64.

    Images may also be something that reads them when they are asked for, by a slice or by numbers, with the
    `shape`, `ndim` and `dtype` of an array.
    Raises ValueError when the arrays do not fit together: a mistake in a data set's own file.
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    classes: tuple[str, ...]  # label k is called classes[k]
    # Once all images were read: the digest of the folder that they were in, and what there is to say of them.
    listing: Callable[[], str] | None = None
    notes: Callable[[], list[str]] = list
    # Of each training image, where those of a group belong into one split, as shots of one scene do.
    train_groups: tuple[str, ...] | None = None

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
    """Parts that share no image, and what is needed to feed them to a network.

    The validation part may be empty. Images are (N, H, W, C) uint8, labels (N,) int64.
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
    augmentation: Augmentation

    @property
    def parts(self) -> tuple[str, ...]:
        """Those that have images: there may be no validation split."""
        return tuple(part for part in PARTS if len(getattr(self, f"{part}_labels")))

    def tensors(self) -> dict[str, Array]:
        """The six arrays by name."""
        return {name: getattr(self, name) for name in _TENSORS}


def write_dataset(path: Path, dataset: Dataset[np.ndarray]) -> None:
    """Write the data set to a sealed .safetensors file; the same one gives the same bytes.

    Of images that lie in shards there is what finds and checks them.
    """
    facts = {name: getattr(dataset, name) for name in ("classes", "mean", "std")}
    facts |= {name: getattr(dataset.augmentation, name) for name in _AUGMENTATION}
    arrays = dataset.tensors()
    shards = {name: arrays.pop(name).packed for name in list(arrays) if isinstance(arrays[name], Shards)}
    arrays |= {f"{name}_checksums": packed.checksums for name, packed in shards.items()}
    facts["shards"] = {name: (packed.files, packed.images, packed.shape) for name, packed in shards.items()}
    write_tensors(path, arrays, facts)


def read_dataset(path: Path, augmentation: Mapping[str, Any] = UNCHANGED) -> "Dataset[torch.Tensor]":
    """The data set in `path`, as torch tensors in host memory; images in shards stay there.

    `augmentation`: what a study changes of that of the data set. Raises UserError naming the file when it is
    missing, cut short, changed since it was written, or something else than write_dataset wrote, and naming
    the shard that is not whole.
    """
    try:
        tensors, facts = read_tensors(path)
        for name in ("classes", "mean", "std"):
            facts[name] = tuple(facts[name])
        area = facts.pop("area")
        how = Augmentation(facts.pop("pad"), facts.pop("flip"), tuple(area) if area else None)
        how = how.changed(augmentation)
        for name, (files, images, shape) in facts.pop("shards").items():
            checksums = tensors.pop(f"{name}_checksums").numpy()
            packed = Packed(tuple(files), images, tuple(shape), checksums)
            tensors[name] = Shards(path.parent / SHARDS, packed)
        return Dataset(**tensors, **facts, augmentation=how)
    except (Corrupt, KeyError, TypeError) as error:
        raise UserError(f"{path}: not a whole data set ({error}); delete it and run again") from error


def as_arrays(dataset: "Dataset[torch.Tensor]") -> Dataset[np.ndarray]:
    """The same data set with NumPy arrays, which share its memory; images in shards stay there."""
    tensors = {name: tensor for name, tensor in dataset.tensors().items() if not isinstance(tensor, Shards)}
    return replace(dataset, **{name: tensor.numpy() for name, tensor in tensors.items()})
