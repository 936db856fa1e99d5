"""The note that declares the targets of the runs of one seed and length: the chunks that hold them."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kd.data.rows import Rows
from kd.errors import UserError
from kd.io.files import not_whole, write_json
from kd.teachers.chunks import read_chunk
from kd.teachers.encoding import Encoding
from kd.teachers.reading import Arrays, FiledTargets, HeldTargets, Targets, remedy
from kd.teachers.store import Filling

SHARE = 0.05  # of a GPU's free memory that the targets of a run may fill
HELD = 2**28  # bytes of them in the memory of the host, at most; more is read from files in every epoch


def write_note(path: Path, filling: Filling, compute: Mapping[str, Any] | None = None) -> None:
    """Declare the chunks with what the run of this note needs, which are all there.

    `compute` says how what this job has added was computed.
    """
    store = filling.store
    about = {
        "store": os.path.relpath(store.folder, path.parent),
        "chunks": filling.used,
        "samples": store.samples,
    }
    about |= {"classes": store.encoding.classes, "top_k": store.encoding.top_k}
    write_json(path, about | ({"compute": dict(compute)} if compute else {}))


def open_targets(note: Path, rows: Rows, epochs: int, device: torch.device) -> Targets:
    """The targets that a note declares, for a run with these `rows` and so many epochs on `device`.

    Raises UserError naming the file that is missing, cut short, of another data set, or changed since it was
    written; of targets that are not held in memory, when it is read.
    """
    try:
        about = json.loads(note.read_text(encoding="utf-8"))
        folder, names = Path(os.path.normpath(note.parent / about["store"])), list(about["chunks"])
        samples, encoding = about["samples"], Encoding(about["classes"], about["top_k"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise not_whole(note, error, "a whole note of targets") from error
    if samples != rows.samples:
        raise UserError(f"{note}: has targets of {samples} samples, not {rows.samples}; delete it")
    for name in names:
        if not (folder / name).exists():
            raise UserError(f"{folder / name}: these targets are gone; {remedy(note)}")
    # Of a chunk some entries may be of other runs, so that this is the most.
    size = sum((folder / name).stat().st_size for name in names)
    place = _place(size, device)
    if place is None:
        of = rows.of_epoch, epochs, note
        return FiledTargets(folder, names, samples, encoding, device, *of)
    positions, arrays = _held(folder, names, rows.needed(epochs).reshape(-1), remedy(note))
    arrays = {name: array.to(place) for name, array in arrays.items()}
    return HeldTargets(positions, arrays, samples, encoding, note)


def _place(size: int, device: torch.device) -> torch.device | None:
    """Where targets of so many bytes are held: on a GPU, or in the memory of the host; None if nowhere."""
    if device.type == "cuda" and size <= SHARE * torch.cuda.mem_get_info(device)[0]:
        return device
    return torch.device("cpu") if size <= HELD else None


def _held(folder: Path, names: list[str], needed: np.ndarray, mend: str) -> tuple[torch.Tensor, Arrays]:
    """Of these chunks what is `needed` (rows · N,) bool, in rising order of its positions."""
    parts = []
    for name in names:
        positions, arrays = read_chunk(folder / name, mend)
        mine = (positions < len(needed)) & needed[np.minimum(positions, len(needed) - 1)]
        chosen = torch.from_numpy(np.flatnonzero(mine))
        parts.append(
            (torch.from_numpy(positions)[chosen], {field: array[chosen] for field, array in arrays.items()})
        )
    positions = torch.cat([positions for positions, _ in parts])
    order = positions.argsort(stable=True)
    arrays = {field: torch.cat([arrays[field] for _, arrays in parts])[order] for field in parts[0][1]}
    return positions[order], arrays
