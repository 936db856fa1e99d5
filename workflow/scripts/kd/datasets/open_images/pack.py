"""Images that were chosen and fetched one by one, in one file, and a table of where each is from."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kd.data.dataset import RawSplits
from kd.errors import UserError
from kd.io.tables import write_csv
from kd.io.tensors import Corrupt, read_tensors, write_tensors

SPLITS = ("train", "test")
IMAGES, TABLE = "images.safetensors", "licences.csv"


def write_packed(
    folder: Path,
    images: Mapping[str, Sequence[np.ndarray]],
    labels: Mapping[str, list[int]],
    classes: list[str],
) -> None:
    """Write the images (size, size, 3) uint8 and the labels of both splits to a sealed file in `folder`."""
    arrays = {}
    for split in SPLITS:
        arrays[f"{split}_images"] = np.stack(images[split])
        arrays[f"{split}_labels"] = np.array(labels[split], dtype=np.int64)
    write_tensors(folder / IMAGES, arrays, {"classes": classes})


def read_packed(folder: Path) -> RawSplits:
    """What write_packed wrote into `folder`; UserError naming the file when it is not whole."""
    path = folder / IMAGES
    try:
        tensors, facts = read_tensors(path)
        arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
        return RawSplits(**arrays, classes=tuple(facts["classes"]))
    except (Corrupt, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: not whole ({error}); delete it and run again") from error


def write_table(folder: Path, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the table of licences as CSV in UTF-8; a column that a row lacks is empty."""
    write_csv(folder / TABLE, rows, columns)
