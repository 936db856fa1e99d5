"""The note that declares the targets of the runs of one seed and length, and reads them."""

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
from kd.teachers.chunks import chunk_names, entries_in
from kd.teachers.content import content_of
from kd.teachers.encoding import Encoding
from kd.teachers.reading import FiledTargets, HeldTargets, Targets, remedy
from kd.teachers.store import Filling

SHARE = 0.05  # of a GPU's free memory that the targets of a run may fill
HELD = 2**28  # bytes of them in the memory of the host, at most; more is read from files in every epoch


def write_note(path: Path, filling: Filling, compute: Mapping[str, Any] | None = None) -> None:
    """Declare what the run of this note needs, which is all there.

    `compute` says how what this job has added was computed. Raises UserError naming a chunk that is not
    whole.
    """
    store = filling.store
    about = {"store": os.path.relpath(store.folder, path.parent), "samples": store.samples}
    about |= {"classes": store.encoding.classes, "top_k": store.encoding.top_k}
    about["content"] = content_of(entries_in(store.folder, filling.entries, remedy(path)))
    write_json(path, about | ({"compute": dict(compute)} if compute else {}))


def open_targets(note: Path, rows: Rows, epochs: int, device: torch.device) -> Targets:
    """The targets that a note declares, for a run with these `rows` and so many epochs on `device`.

    Raises UserError naming the file that is missing, cut short, of another data set, or changed since it was
    written; of targets that are not held in memory, when it is read.
    """
    try:
        about = json.loads(note.read_text(encoding="utf-8"))
        folder, content = Path(os.path.normpath(note.parent / about["store"])), about["content"]
        samples, encoding = about["samples"], Encoding(about["classes"], about["top_k"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise not_whole(note, error, "a whole note of targets") from error
    if samples != rows.samples:
        raise UserError(f"{note}: has targets of {samples} samples, not {rows.samples}; delete it")
    # Of a chunk some entries may be of other runs, so that this is the most.
    place = _place(sum((folder / name).stat().st_size for name in chunk_names(folder)), device)
    if place is None:
        return FiledTargets(folder, samples, encoding, device, rows.of_epoch, epochs, note)
    parts = list(entries_in(folder, rows.needed(epochs).reshape(-1), remedy(note)))
    if content_of(parts) != content:
        raise UserError(
            f"{folder}: not the targets that {note} declares: some are gone or have changed, or are another"
            f" run's; delete {note} to have them made again"
        )
    positions = np.concatenate([positions for positions, _ in parts])
    order = np.argsort(positions)
    arrays = {
        field: torch.from_numpy(np.concatenate([arrays[field] for _, arrays in parts])[order]).to(place)
        for field in encoding.fields
    }
    return HeldTargets(torch.from_numpy(positions[order]), arrays, samples, encoding, note)


def _place(size: int, device: torch.device) -> torch.device | None:
    """Where targets of so many bytes are held: on a GPU, or in the memory of the host; None if nowhere."""
    if device.type == "cuda" and size <= SHARE * torch.cuda.mem_get_info(device)[0]:
        return device
    return torch.device("cpu") if size <= HELD else None
