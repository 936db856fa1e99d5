"""Logits of the user's own, in place of a teacher: put in the order of the samples, and checked."""

import math
import zipfile
from pathlib import Path

import numpy as np
from torch import Tensor

from kd.data.dataset import Dataset
from kd.errors import UserError
from kd.evaluation.class_order import OF_LOGITS, check_predictions
from kd.io.files import refuse_changed
from kd.teachers.labels import check_order

SMALL = 10**7  # numbers that any memory has room for, so that they can be read to say what is wrong
PLAIN = "give (views, samples, classes), or set dataset.pad: 0 and dataset.flip: false"


def read_user_logits(path: Path, expected: str, data: Dataset) -> dict[str, np.ndarray]:
    """The arrays of an .npz file.

    Raises UserError if its SHA-256 is not `expected`, it is not whole, or an array is larger than any that
    fits `data`: shapes are looked at before anything is read, for a small file may hold far more than memory.
    """
    refuse_changed(path, expected)
    try:
        with zipfile.ZipFile(path) as file:
            for member in file.infolist():
                _check_size(path, file, member, data)
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (UserError, MemoryError):
        raise
    except Exception as error:  # encrypted, of an unknown compression, cut short: each has a kind of its own
        raise UserError(f"{path}: not a whole file of arrays ({error})") from error


def _check_size(path: Path, file: zipfile.ZipFile, member: zipfile.ZipInfo, data: Dataset) -> None:
    """UserError if an array has more numbers than could be of `data`, or others than its header says."""
    with file.open(member) as stream:
        read = np.lib.format.read_array_header_1_0
        if np.lib.format.read_magic(stream) != (1, 0):
            read = np.lib.format.read_array_header_2_0
        shape, _, dtype = read(stream)
        held = member.file_size - stream.tell()
    views, samples = data.augmentation.count, max(len(data.train_labels), len(data.test_labels))
    if math.prod(shape) > max(SMALL, views * samples * len(data.classes)):
        name = member.filename.removesuffix(".npy")
        raise UserError(f"{path}: {name} are {shape} {dtype}, which is more than the data set has")
    if math.prod(shape) * dtype.itemsize != held and not dtype.hasobject:
        raise ValueError(f"{member.filename} is shorter or longer than its header says")


def training_logits(arrays: dict[str, np.ndarray], path: Path, data: Dataset) -> np.ndarray:
    """Logits (views, samples, classes) float32 of every view of the training images, in their order.

    `train_ids` (N,) are the rows of the prepared training images that `train_logits` are of: (N, classes) of
    images as they are, where the study shows them in no other way, or (views, N, classes), with NaN where a
    view is never seen. `classes` (C,) are their names, where there are such: in the order of the data set's.
    Raises UserError naming the file and the array.
    """
    check_order(path, _names(arrays), data.classes)
    views, logits = data.augmentation.count, arrays["train_logits"]
    if logits.ndim == 2 and views > 1:
        raise UserError(
            f"{path}: train_logits are of images as they are, and this study shows {views} views of each;"
            f" {PLAIN}"
        )
    logits = logits[None] if logits.ndim == 2 else logits
    ids = arrays["train_ids"]
    _check_shape(path, "train_logits", logits, (views, ids.size, len(data.classes)))
    order = _order(path, "train_ids", ids, len(data.train_labels))
    if np.isinf(logits).any() or (views == 1 and np.isnan(logits).any()):
        raise UserError(f"{path}: train_logits are not all finite")
    return logits[:, order].astype(np.float32)


def test_logits(arrays: dict[str, np.ndarray], path: Path, data: Dataset) -> np.ndarray | None:
    """Logits (samples, classes) float32 of the test images in their order, or None where there are none.

    Raises UserError naming the file and the array.
    """
    if "test_logits" not in arrays:
        return None
    logits = arrays["test_logits"]
    _check_shape(path, "test_logits", logits, (arrays["test_ids"].size, len(data.classes)))
    if not np.isfinite(logits).all():
        raise UserError(f"{path}: test_logits are not all finite")
    return logits[_order(path, "test_ids", arrays["test_ids"], len(data.test_labels))].astype(np.float32)


def check_classes(
    arrays: dict[str, np.ndarray],
    path: Path,
    train: np.ndarray,
    test: np.ndarray | None,
    data: Dataset[Tensor],
) -> None:
    """UserError if the predictions say that the classes are in another order, or are those of chance.

    train: (views, samples, classes), of which an image counts once: as it is, or the first view that has
    logits. test: (samples, classes) or None. `arrays` are those of the file.
    """
    known = ~np.isnan(train).any(axis=2)
    views = np.where(known[data.augmentation.plain], data.augmentation.plain, known.argmax(axis=0))
    (samples,) = known.any(axis=0).nonzero()
    outputs, labels = train[views[samples], samples], data.train_labels.numpy()[samples]
    if test is not None:
        outputs = np.concatenate([outputs, test])
        labels = np.concatenate([labels, data.test_labels.numpy()])
    if len(labels):
        check_predictions(path, outputs, labels, data.classes, _names(arrays), OF_LOGITS)


def _names(arrays: dict[str, np.ndarray]) -> list[str] | None:
    """Of the classes in the order of the logits, where the file has them."""
    return list(map(str, np.ravel(arrays["classes"]))) if "classes" in arrays else None


def _check_shape(path: Path, name: str, logits: np.ndarray, shape: tuple[int, ...]) -> None:
    if logits.shape != shape or not np.issubdtype(logits.dtype, np.floating):
        raise UserError(f"{path}: {name} are {logits.shape} {logits.dtype}, not {shape} of a floating type")


def _order(path: Path, name: str, ids: np.ndarray, samples: int) -> np.ndarray:
    """Where each sample's row is, (samples,) int64; UserError unless each has exactly one."""
    if ids.ndim != 1 or not np.issubdtype(ids.dtype, np.integer):
        raise UserError(f"{path}: {name} are {ids.shape} {ids.dtype}, not one whole number for each sample")
    if len(strange := ids[(ids < 0) | (ids >= samples)]):
        raise UserError(f"{path}: {name} hold {strange[0]}, and samples are numbered 0 to {samples - 1}")
    counts = np.bincount(ids, minlength=samples)
    for wrong, what in ((counts == 0, "lack"), (counts > 1, "repeat")):
        if wrong.any():
            raise UserError(
                f"{path}: {name} {what} {wrong.sum()} of {samples} samples, the first is {wrong.argmax()}"
            )
    return np.argsort(ids, kind="stable")
