"""Logits that a run has written down."""

import io
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from kd.errors import UserError
from kd.io.files import atomic


def read_logits(path: Path, samples: int, classes: int, *, may_be_empty: bool = False) -> np.ndarray:
    """Logits (samples, classes) float of a .npy file, mapped into memory and not to be written to.

    `may_be_empty`: (0, classes) is allowed as well, as a run writes them that has none. Raises UserError
    naming the file if it is not whole, of another shape, or holds no floating-point numbers.
    """
    try:
        logits = np.lib.format.open_memmap(path, mode="r")  # np.load would take an archive, too
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"{path}: not whole ({error}); delete it to have it made again") from error
    allowed = [(samples, classes), *([(0, classes)] if may_be_empty else [])]
    if logits.shape not in allowed or logits.dtype.kind != "f":
        raise UserError(
            f"{path}: holds {logits.shape} {logits.dtype}, not {(samples, classes)} float; delete it to have"
            " it made again"
        )
    return logits


def write_array(path: Path, array: "np.ndarray") -> None:
    """Write `array` as .npy."""
    import numpy as np  # here, for the Snakefile reads this module

    buffer = io.BytesIO()  # NumPy itself does not say why it could not write
    np.save(buffer, array, allow_pickle=False)
    with atomic(path) as temporary:
        temporary.write_bytes(buffer.getvalue())


def write_rows(path: Path, shape: tuple[int, int], pieces: Iterable[np.ndarray]) -> None:
    """Write an array of this shape as .npy, float32, of which some rows come at a time."""
    header = {
        "descr": np.lib.format.dtype_to_descr(np.dtype(np.float32)),
        "fortran_order": False,
        "shape": shape,
    }
    with atomic(path) as temporary, open(temporary, "wb") as file:
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
