"""Reads a run's stored targets, an epoch at a time: from memory where they are small, else from their files.

From files the next epoch is read in a thread while this one is trained on.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from kd.errors import UserError
from kd.io.tensors import read_unchecked
from kd.teachers.chunks import chunk_names, positions_in, read_chunk, span
from kd.teachers.encoding import Encoding

Arrays = dict[str, Tensor]


class HeldTargets:
    """The targets of entries at `positions` (n,) int64, rising, whose `arrays` an encoding names: in memory.

    The arrays may lie on a device, where an epoch is gathered at once; the positions are the host's, which so
    knows what is missing without waiting for the device.
    """

    def __init__(
        self, positions: Tensor, arrays: Arrays, samples: int, encoding: Encoding, note: object = "its note"
    ) -> None:
        self._positions, self._arrays, self._note = positions, arrays, note
        self.samples, self.encoding = samples, encoding

    def read(self, epoch: int, rows: np.ndarray, out: Mapping[str, Tensor]) -> None:
        """Put the targets of all samples in the rows (N,) int64 into `out`: (N, …) each, in its place.

        Raises UserError where one is not there.
        """
        wanted = torch.from_numpy(_wanted(rows))
        places = torch.searchsorted(self._positions, wanted).clamp_(max=len(self._positions) - 1)
        _refuse_missing((self._positions[places] != wanted).numpy(), rows, self._note)
        for name, here in out.items():
            here.copy_(self._arrays[name][places.to(self._arrays[name].device)])


class FiledTargets:
    """The same, of chunks in a folder, read again in every epoch; `rows_of` says which rows an epoch has.

    A chunk is checked when it is first read.
    """

    def __init__(
        self,
        folder: Path,
        samples: int,
        encoding: Encoding,
        device: torch.device,
        rows_of: Callable[[int], np.ndarray],
        epochs: int,
        note: object = "its note",
    ) -> None:
        self._folder, self._note = folder, note
        self._spans = {name: span(name) for name in chunk_names(folder)}
        self._rows_of, self._epochs = rows_of, epochs
        self.samples, self.encoding = samples, encoding
        self._checked: set[str] = set()
        cuda = device.type == "cuda"
        # Once: to allocate page-locked memory while a step is recorded would disturb that.
        self._memory = encoding.empty(samples, pin_memory=cuda)
        self._copied = torch.cuda.Event() if cuda else None  # recorded after the last copy out of this memory
        self._pool = ThreadPoolExecutor(1)
        self._ahead: tuple[int, Future[np.ndarray]] | None = None

    def read(self, epoch: int, rows: np.ndarray, out: Mapping[str, Tensor]) -> None:
        """As of HeldTargets; then the next epoch is read ahead."""
        if self._ahead is None or self._ahead[0] != epoch:
            self._begin(epoch, rows)
        missing = self._ahead[1].result()
        _refuse_missing(missing, rows, self._note)
        for name, here in out.items():
            here.copy_(self._memory[name], non_blocking=True)
        if self._copied:
            self._copied.record()
        if epoch + 1 < self._epochs:
            self._begin(epoch + 1, self._rows_of(epoch + 1))

    def _begin(self, epoch: int, rows: np.ndarray) -> None:
        if self._ahead:
            self._ahead[1].exception()  # waits: there is one memory
        self._ahead = epoch, self._pool.submit(self._gather, _wanted(rows))

    def _gather(self, wanted: np.ndarray) -> np.ndarray:
        """Put the entries at these positions (N,) into the memory; which are missing: (N,) bool."""
        if self._copied:
            self._copied.synchronize()
        order = np.argsort(wanted, kind="stable")
        rising, missing = wanted[order], np.ones(len(wanted), dtype=bool)
        for name, (first, last) in self._spans.items():
            start, stop = np.searchsorted(rising, (first, last + 1))
            if start == stop:
                continue
            positions, arrays = self._chunk(name)
            places = np.searchsorted(positions, rising[start:stop])
            there = positions[places] == rising[start:stop]
            samples = order[start:stop][there]
            missing[samples] = False
            for field, memory in self._memory.items():
                memory.numpy()[samples] = arrays[field][places[there]]
        return missing

    def _chunk(self, name: str) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        path = self._folder / name
        if name in self._checked:
            return positions_in(path, remedy(self._note)), {
                field: read_unchecked(path, field) for field in self._memory
            }
        positions, arrays = read_chunk(path, remedy(self._note))
        self._checked.add(name)
        return positions, {field: array.numpy() for field, array in arrays.items()}


Targets = HeldTargets | FiledTargets


def remedy(note: object) -> str:
    """What to do about a chunk that is not whole, of those that a note declares."""
    return f"delete it and {note} to have it made again"


def _wanted(rows: np.ndarray) -> np.ndarray:
    """The positions (N,) of all samples in these rows (N,)."""
    return rows * len(rows) + np.arange(len(rows))


def _refuse_missing(missing: np.ndarray, rows: np.ndarray, note: object) -> None:
    if missing.any():
        sample = int(missing.argmax())
        raise UserError(
            f"the teacher's targets lack sample {sample} in row {rows[sample]} ({missing.sum()} of"
            f" {len(rows)} missing); delete {note} to have them made again"
        )
