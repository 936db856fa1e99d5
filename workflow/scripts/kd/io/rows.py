"""Logits on the disk that come piece by piece: of many images and classes they are gigabytes."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from kd.io.files import whole


def write_rows(path: Path, shape: tuple[int, int], pieces: Iterable[np.ndarray]) -> None:
    """Write an array of this shape as .npy, float32, of which some rows come at a time."""
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
