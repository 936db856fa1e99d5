"""Images that were chosen and fetched one by one, in one file, and a table of where each is from."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kd.data.dataset import RawSplits
from kd.errors import UserError
from kd.io.tables import no_formula, write_csv
from kd.io.tensors import Corrupt, read_tensors

SPLITS = ("train", "test")
IMAGES, TABLE = "images.safetensors", "licences.csv"


def read_packed(folder: Path) -> RawSplits:
    """The images and labels of both splits in `folder`; UserError naming the file that is not whole,
    or cannot be read."""
    path = folder / IMAGES
    try:
        tensors, facts = read_tensors(path)
        arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
        return RawSplits(**arrays, classes=tuple(facts["classes"]))
    except (Corrupt, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: not whole ({error}); delete it and run again") from error


def write_table(folder: Path, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the table of licences as CSV in UTF-8; a column that a row lacks is empty.

    Titles and names of authors are what strangers wrote: none is a formula.
    """
    cells = [{column: no_formula(value) for column, value in row.items()} for row in rows]
    write_csv(folder / TABLE, cells, columns)
