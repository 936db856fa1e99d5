"""Arrays in .npy files: mapped into memory, checked, and written whole or not at all."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kd.io.atomic import atomic
from kd.io.files import not_whole, unfit


def open_array(path: Path, mode: str = "r", what: str = "whole") -> np.ndarray:
    """The array in a .npy file, mapped into memory: mode "r" to read, "r+" to write, "c" to copy on write.

    Raises UserError naming the file, as not `what` it should be, if it is no whole array.
    """
    try:
        return np.lib.format.open_memmap(path, mode=mode)  # np.load would take an archive, too
    except (OSError, ValueError, EOFError) as error:
        raise not_whole(path, error, what) from error


def read_logits(path: Path, samples: int, classes: int, *, may_be_empty: bool = False) -> np.ndarray:
    """Logits (samples, classes) float of a .npy file, mapped into memory and not to be written to.

    `may_be_empty`: (0, classes) is allowed as well, as a run writes them that has none. Raises UserError
    naming the file if it is not whole, of another shape, or holds no floating-point numbers.
    """
    logits = open_array(path)
    allowed = [(samples, classes), *([(0, classes)] if may_be_empty else [])]
    if logits.shape not in allowed or logits.dtype.kind != "f":
        raise unfit(path, f"holds {logits.shape} {logits.dtype}, not {(samples, classes)} float")
    return logits


def write_array(path: Path, array: np.ndarray) -> None:
    """Write `array` as .npy; NotWritten naming the file if that cannot be."""
    write_rows(path, array.shape, [array], array.dtype)


def write_rows(
    path: Path, shape: tuple[int, ...], pieces: Iterable[np.ndarray], dtype: npt.DTypeLike = np.float32
) -> None:
    """Write an array of this shape and type as .npy, of which some rows come at a time.

    Raises NotWritten naming the file if it cannot be written, ValueError if more or fewer rows come.
    """
    header = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": shape}
    with atomic(path) as temporary, open(temporary, "wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        rows = 0
        for piece in pieces:
            file.write(np.ascontiguousarray(piece, dtype=dtype))
            rows += len(piece)
        if rows != shape[0]:
            raise ValueError(f"{rows} rows came, {shape[0]} were announced")
