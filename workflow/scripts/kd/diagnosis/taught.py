"""What a teacher says of the training images as they are: computed once, for all its students."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from kd.data import Dataset
from kd.files import whole
from kd.inference import answers
from kd.numbering import plain_view
from kd.stored import read_stored, training_logits
from kd.views import ViewedImages


def write_training_logits(path: Path, network: nn.Module, images: ViewedImages, classes: int) -> None:
    """Write the logits (samples, classes) float32 of the un-augmented `images`, as .npy.

    They go to the disk batch by batch: of many images and classes they are gigabytes.
    """
    everything = torch.arange(images.samples, device=images.device)
    found = (logits.float().cpu().numpy() for logits in answers(network, images, everything, images.plain))
    _write_rows(path, (images.samples, classes), found)


def write_given_logits(path: Path, file: Path, sha256: str, data: Dataset[Tensor]) -> None:
    """Take them from the user's `file` (.npz); (0, classes) where that lacks some of the plain images'.

    Raises UserError naming the file and the array that does not fit the data set.
    """
    samples, classes = len(data.train_labels), len(data.classes)
    views = training_logits(read_stored(file, sha256), file, samples, classes, data.pad, data.flip)
    plain = views[plain_view(data.pad)]
    _write_rows(path, *(((0, classes), ()) if np.isnan(plain).any() else (plain.shape, [plain])))


def _write_rows(path: Path, shape: tuple[int, int], pieces: Iterable[np.ndarray]) -> None:
    header = {
        "descr": np.lib.format.dtype_to_descr(np.dtype(np.float32)),
        "fortran_order": False,
        "shape": shape,
    }
    with whole(path) as temporary, open(temporary, "wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for piece in _checked(pieces, shape):
            file.write(np.ascontiguousarray(piece, dtype=np.float32))


def _checked(pieces: Iterable[np.ndarray], shape: tuple[int, int]) -> Iterator[np.ndarray]:
    rows = 0
    for piece in pieces:
        rows += len(piece)
        yield piece
    if rows != shape[0]:
        raise ValueError(f"{rows} rows came, {shape[0]} were announced")
