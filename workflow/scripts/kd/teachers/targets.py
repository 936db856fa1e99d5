"""The table of a teacher's cached logits: (rows, samples, classes) float16, NaN where none was computed.

One table serves every student of a teacher. It is filled in place, seed by seed, as runs come to need it,
so that a seed that is added later costs what it adds, and touches no file that finished students were made
from: each run's targets are declared by a small note that says which table holds them.
"""

import hashlib
import json
import math
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np

from kd.errors import UserError
from kd.io.arrays import open_array, write_rows
from kd.io.atomic import NotWritten
from kd.io.files import not_whole, unfit, write_json
from kd.io.locks import locked
from kd.io.log import logger

INSTEAD = "free some space, or set targets: live"


@contextmanager
def open_table(folder: Path, key: str, shape: tuple[int, int, int]) -> Iterator[np.ndarray]:
    """The table `key` in `folder`, new if it is not there, for this process alone while the block lasts.

    What comes first in a key, up to a "-", says which teacher it is of; the rest, how it was computed. Tables
    of other teachers, which are no more, are removed; those computed otherwise stay. What a process that died
    had written stays and is not computed again.
    """
    path = folder / f"{key}.npy"
    with locked(folder / "lock", f"waits for another job that fills {folder}"):
        for old in folder.glob("*.npy"):
            if old.stem.partition("-")[0] != key.partition("-")[0]:
                _remove(old)
        if not path.exists():
            _write_empty(path, shape)
        table = _open(path, "r+")
        if table.shape != shape:
            raise unfit(path, f"holds a table {table.shape}, not {shape}")
        yield table
        table.flush()


def _remove(table: Path) -> None:
    """Remove a table, and first the notes that point to it: they would outlive what they declare."""
    for note in table.parent.parent.glob("*/*.json"):
        if table.name in note.read_text(encoding="utf-8"):
            note.unlink()
    table.unlink()


def _write_empty(path: Path, shape: tuple[int, int, int]) -> None:
    """A table of NaN, written rather than mapped: a full disk is then an error, and no SIGBUS later on."""
    size, free = 2 * math.prod(shape), shutil.disk_usage(path.parent).free
    if size > free:
        raise UserError(
            f"{path}: the table of targets needs {size / 1e6:.1f} MB, and the disk has {free / 1e6:.1f} MB;"
            f" {INSTEAD}"
        )
    logger.info("a new table of %.1f MB in %s", size / 1e6, path)
    row = np.full((1, *shape[1:]), np.nan, dtype=np.float16)
    try:
        write_rows(path, shape, repeat(row, shape[0]), np.float16)
    except NotWritten as error:
        raise UserError(f"the table of targets needs {size / 1e6:.1f} MB: {error}; {INSTEAD}") from error


def write_note(
    path: Path, folder: Path, key: str, needed: np.ndarray, compute: Mapping[str, Any] | None = None
) -> None:
    """Declare that the table `key` in `folder` holds what the run of this note needs, and its checksum.

    `compute` says how it was computed.
    """
    table = folder / f"{key}.npy"
    checksum = _checksum(_open(table, "r"), needed)
    about = {"table": os.path.relpath(table, path.parent), "sha256": checksum}
    write_json(path, about | ({"compute": dict(compute)} if compute else {}))


def open_targets(note: Path, needed: np.ndarray) -> np.ndarray:
    """The table that a note points to, for reading: (rows, samples, classes) float16.

    `needed` (rows, samples) bool is what will be read. Raises UserError naming the file that is missing,
    cut short, of another data set, or changed since it was written.
    """
    try:
        about = json.loads(note.read_text(encoding="utf-8"))
        path, sha256 = Path(os.path.normpath(note.parent / about["table"])), about["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise not_whole(note, error, "a whole note of targets") from error
    instead = f"delete {note.parent.parent} to have it made again"
    if not path.exists():
        raise UserError(f"{note}: its table is gone; {instead}")
    # Copy-on-write, because torch wants writable memory; nothing is ever written.
    table = _open(path, "c")
    if table.shape[:2] != needed.shape:
        raise UserError(f"{path}: holds {table.shape[:2]} (rows, samples), not {needed.shape}; {instead}")
    if _checksum(table, needed) != sha256:
        raise UserError(
            f"{path}: not the targets that {note} declares: they have changed since, or are another run's;"
            f" {instead}"
        )
    return table


def _checksum(table: np.ndarray, needed: np.ndarray) -> str:
    """SHA-256 over what one run needs, row by row: the rest may still grow."""
    digest = hashlib.sha256()
    for row, samples in zip(table, needed, strict=True):
        digest.update(np.ascontiguousarray(row[samples]))
    return digest.hexdigest()


def _open(path: Path, mode: str) -> np.ndarray:
    return open_array(path, mode, "a whole table of targets")
