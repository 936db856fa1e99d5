"""The files that a store of targets is made of: written once, whole or absent, each with its checksum.

A chunk holds the targets of some entries, in rising order of their positions: entry (row, sample) of N
samples is at row · N + sample. Its name has its first and last position, which say what it may hold, and the
beginning of its checksum.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from torch import Tensor

from kd.errors import UserError
from kd.io.files import NotRead
from kd.io.tensors import Corrupt, checksum, read_sealed, read_unchecked, write_tensors

SUFFIX = ".safetensors"
DIGITS = 16  # hexadecimal, of the checksum in a name


def write_chunk(folder: Path, positions: np.ndarray, arrays: Mapping[str, np.ndarray]) -> str:
    """Write the targets of the entries at `positions` (n,) int64, rising; returns the name of the file.

    `arrays`: as an Encoding names them, (n, …) each. Raises NotWritten where that cannot be.
    """
    facts = {"first": int(positions[0])}
    # From each entry to the next; a byte where most are there, which deflates nothing but needs no decoder.
    gaps = np.diff(positions, prepend=positions[0])
    kind = next(
        kind for kind in (np.uint8, np.uint16, np.uint32, np.uint64) if gaps.max() <= np.iinfo(kind).max
    )
    content = {**arrays, "gaps": gaps.astype(kind)}
    name = f"{positions[0]}-{positions[-1]}-{checksum(content, json.dumps(facts))[:DIGITS]}{SUFFIX}"
    write_tensors(folder / name, content, facts)
    return name


def span(name: str) -> tuple[int, int]:
    """The first and the last position of a chunk of this name."""
    first, last, _ = name.split("-")
    return int(first), int(last)


def chunk_names(folder: Path) -> list[str]:
    """Of all chunks in a folder, by their first positions."""
    return sorted((path.name for path in folder.glob(f"*{SUFFIX}")), key=lambda name: (span(name), name))


def read_chunk(path: Path, remedy: str) -> tuple[np.ndarray, dict[str, Tensor]]:
    """The positions (n,) int64 in a chunk and its arrays; `remedy` ends an error.

    Raises UserError naming the file if it is gone, cut short, changed, or another than its name says.
    """
    try:
        arrays, facts, sha256 = read_sealed(path)
        if sha256[:DIGITS] != path.name.removesuffix(SUFFIX).rpartition("-")[2]:
            raise Corrupt("it holds something else than its name says")
        return _positions(arrays.pop("gaps").numpy(), facts["first"]), arrays
    except NotRead as error:
        if error.missing:
            raise UserError(f"{path}: these targets are gone; {remedy}") from error
        raise
    except (Corrupt, KeyError) as error:
        raise UserError(f"{path}: not a whole chunk of targets ({error}); {remedy}") from error


def positions_in(path: Path, remedy: str) -> np.ndarray:
    """The positions (n,) int64 in a chunk; its targets are not looked at. Errors as of read_chunk."""
    try:
        return _positions(read_unchecked(path, "gaps"), span(path.name)[0])
    except (Corrupt, ValueError) as error:
        raise UserError(f"{path}: not a whole chunk of targets ({error}); {remedy}") from error


def _positions(gaps: np.ndarray, first: int) -> np.ndarray:
    return first + np.cumsum(gaps, dtype=np.int64)


def entries_in(
    folder: Path, needed: np.ndarray, remedy: str
) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
    """What the chunks of a folder have of the entries that are `needed` (rows · N,) bool, each entry once.

    Positions (n,) int64 and arrays (n, …), chunk by chunk; errors as of read_chunk.
    """
    left = needed.copy()
    for name in chunk_names(folder):
        first, last = span(name)
        if not left[first : last + 1].any():
            continue
        positions, arrays = read_chunk(folder / name, remedy)
        mine = left[np.minimum(positions, len(left) - 1)] & (positions < len(left))
        if not mine.any():  # those of another run, between which this run's are
            continue
        left[positions[mine]] = False
        yield positions[mine], {field: array.numpy()[mine] for field, array in arrays.items()}
