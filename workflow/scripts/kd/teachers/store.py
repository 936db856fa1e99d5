"""A teacher's stored logits: of those entries (row, sample) alone that runs of the study see, in chunks.

A row is what the images show in turn: a numbered view, one of the slots of `dataset.views`, or an epoch of
one seed (kd.data.rows). One store serves every student of a teacher. Several processes fill it at once, and
chunks are never written again: so a seed that is added later costs what it adds, and touches no file that
finished students were made from. Each run's targets are declared by a small note that lists their chunks.
"""

import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kd.data.rows import Rows
from kd.errors import UserError
from kd.io.atomic import NotWritten, not_written
from kd.io.locks import locked
from kd.io.log import logger
from kd.teachers.chunks import chunk_names, positions_in, span, write_chunk
from kd.teachers.claims import Claims
from kd.teachers.encoding import Encoding
from kd.teachers.size import store_bytes

INSTEAD = "free some space, store less with targets: {top_k: 20}, or set targets: live"
PIECE = 2**24  # positions that are looked through at once
POLL = 0.5  # seconds until it is looked again what another process has written


@dataclass(frozen=True)
class Store:
    """The folder of one store, the number of samples, and how logits are stored in it."""

    folder: Path
    samples: int
    encoding: Encoding

    def names(self) -> list[str]:
        """Of its chunks, by their first positions."""
        return chunk_names(self.folder)

    def add(self, positions: np.ndarray, arrays: Mapping[str, np.ndarray]) -> None:
        """Write a chunk: the targets, as encoded, of the entries at `positions` (n,) int64, rising.

        Raises UserError where that cannot be, as on a full disk.
        """
        with _explained():
            write_chunk(self.folder, positions, arrays)


@contextmanager
def _explained() -> Iterator[None]:
    """What to do instead where something cannot be written."""
    try:
        yield
    except NotWritten as error:
        raise UserError(f"the targets cannot be stored: {error}; {INSTEAD}") from error


def store_key(made: str, how: str, rows: Rows) -> str:
    """The name of the one store for what is `made`, which names teacher, code and data, `how` it is computed.

    Where rows are visits each seed has its own; runs of other lengths have the same.
    """
    return f"{made}-{how}" if rows.shared else f"{made}-{how}-seed{rows.seed}"


def open_store(folder: Path, key: str, samples: int, encoding: Encoding) -> Store:
    """The store `key` in `folder`, new if it is not there.

    What comes first in a key, up to a "-", says which teacher it is of; the rest, how it was computed. Stores
    of other teachers, which are no more, are removed; those computed otherwise stay.
    """
    with locked(folder / "lock", f"waits for another job that opens {folder}"):
        for old in [*folder.glob("*.npy"), *(path for path in folder.iterdir() if path.is_dir())]:
            if old.suffix == ".npy" or old.name.partition("-")[0] != key.partition("-")[0]:
                _remove(old)
        with _explained():
            try:
                (folder / key).mkdir(exist_ok=True)
            except OSError as error:
                raise not_written(folder / key, error) from error
    return Store(folder / key, samples, encoding)


def _remove(old: Path) -> None:
    """Remove a store, or a table of earlier versions; first the notes, which would outlive it."""
    logger.info("removes %s: targets of another teacher, code or form", old)
    for note in old.parent.parent.glob("*/*.json"):
        if old.name in note.read_text(encoding="utf-8"):
            note.unlink()
    shutil.rmtree(old) if old.is_dir() else old.unlink()


class Filling:
    """What a store lacks of the entries `needed` (rows, samples) bool, while processes fill it."""

    def __init__(self, store: Store, needed: np.ndarray) -> None:
        self.store, self.entries = store, needed.reshape(-1)
        self._lacks, self._from = self.entries.copy(), 0  # nothing is missing before
        self._seen: set[str] = set()
        self.look()

    @property
    def needed(self) -> int:
        """How many entries are needed."""
        return int(np.count_nonzero(self.entries))

    @property
    def missing(self) -> int:
        """How many of them are not there."""
        return int(np.count_nonzero(self._lacks))

    def add(self, positions: np.ndarray, arrays: Mapping[str, np.ndarray]) -> None:
        """As of the store."""
        self.store.add(positions, arrays)
        self.look()

    def look(self) -> None:
        """Learn what has been written since; UserError naming a chunk that is not whole."""
        for name in self.store.names():
            first, last = span(name)
            if name in self._seen or not self._lacks[first : last + 1].any():
                continue
            self._seen.add(name)
            positions = positions_in(self.store.folder / name, "delete it to have it made again")
            self._lacks[positions[positions < len(self._lacks)]] = False

    def check_disk(self) -> None:
        """UserError if what is missing is larger than what the disk has left."""
        size = store_bytes(self.missing, self.store.encoding.classes, self.store.encoding.top_k)
        free = shutil.disk_usage(self.store.folder).free
        if size > free:
            raise UserError(
                f"{self.store.folder}: the targets need {size / 1e6:.1f} MB more, and the disk has"
                f" {free / 1e6:.1f} MB; {INSTEAD}"
            )

    def parts(self, count: int) -> Iterator[np.ndarray]:
        """The positions (n,) int64, rising, of up to `count` entries at a time, until none is missing.

        Whoever gets them computes and adds them before the next are asked for. No other process computes them
        meanwhile; at the end this one waits for what others compute.
        """
        claims = Claims(self.store.folder / "claims")
        waits = False
        with claims.held():
            while True:
                with locked(self.store.folder / "lock", f"waits for another job in {self.store.folder}"):
                    # Before the chunks: what is claimed no more is in one of them by then.
                    others = claims.of_others()
                    self.look()
                    part = self._first_missing(count, others)
                    with _explained():
                        claims.claim(part)
                if len(part):
                    yield part
                elif not self.missing:
                    return
                else:
                    if not waits:
                        logger.info("waits for %d targets that another job computes", self.missing)
                    waits = True
                    time.sleep(POLL)

    def _first_missing(self, count: int, others: np.ndarray) -> np.ndarray:
        """Of up to `count` entries that no other process is at."""
        chosen: list[np.ndarray] = []
        for start in range(self._from, len(self._lacks), PIECE):
            here = start + np.flatnonzero(self._lacks[start : start + PIECE])
            if not len(here) and self._from == start:
                self._from = min(start + PIECE, len(self._lacks))
            free = here[~np.isin(here, others)] if len(others) else here
            chosen.append(free[: count - sum(map(len, chosen))])
            if sum(map(len, chosen)) == count:
                break
        return np.concatenate(chosen) if chosen else np.empty(0, np.int64)
