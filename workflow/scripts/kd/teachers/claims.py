"""Which entries of a store the processes that fill it compute just now, so that no two compute the same.

Each has a file of the positions that it is at, and holds a lock for as long as it lives: what a process that
died had claimed is free.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import numpy as np

from kd.errors import UserError
from kd.io.arrays import open_array
from kd.io.atomic import not_written
from kd.io.locks import is_locked, locked


class Claims:
    """Those of all processes, in `folder`; this one has its own while `held`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._own = folder / f"{os.uname().nodename}-{os.getpid()}-{uuid4().hex[:8]}.npy"

    @contextmanager
    def held(self) -> Iterator[None]:
        """This process may claim while the block runs."""
        lock = _lock(self._own)
        with locked(lock, f"waits for {lock}"):
            try:
                yield
            finally:
                self.claim(np.empty(0, np.int64))
                lock.unlink(missing_ok=True)

    def claim(self, positions: np.ndarray) -> None:
        """Claim these (n,) int64, and what was claimed before no more."""
        if not len(positions):
            self._own.unlink(missing_ok=True)
            return
        try:
            with open(_new(self._own), "wb") as file:
                np.save(file, positions)
            _new(self._own).rename(self._own)  # no sync: a claim is of no use after a loss of power
        except OSError as error:
            raise not_written(self._own, error) from error

    def of_others(self) -> np.ndarray:
        """The positions (n,) int64 that other processes have claimed and not yet written; unordered."""
        claimed = [np.empty(0, np.int64)]
        for path in self._folder.glob("*.npy"):
            if path == self._own:
                continue
            if is_locked(_lock(path)):
                claimed += _positions(path)
            else:  # its process died
                for left in (path, _new(path), _lock(path)):
                    left.unlink(missing_ok=True)
        return np.concatenate(claimed)


def _lock(path: Path) -> Path:
    return path.with_suffix(".lock")


def _new(path: Path) -> Path:
    return path.with_suffix(".new")


def _positions(path: Path) -> list[np.ndarray]:
    """None where the process has just written what it had claimed."""
    try:
        return [np.array(open_array(path))]
    except UserError:
        return []
