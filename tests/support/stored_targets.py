"""Stored targets as one table, and a table as stored targets."""

from pathlib import Path

import numpy as np
import torch

from kd.data.rows import Rows
from kd.teachers.encoding import Encoding
from kd.teachers.reading import HeldTargets
from kd.teachers.targets import open_targets

CPU = torch.device("cpu")


def as_table(note: Path, rows: Rows, epochs: int) -> np.ndarray:
    """What a note declares for a run, NaN where nothing is: (rows, samples, classes) float16."""
    targets = open_targets(note, rows, epochs, CPU)
    count = rows.count(epochs)
    table = np.full((count * rows.samples, targets.encoding.classes), np.nan, np.float16)
    table[targets._positions] = targets.encoding.decode(targets._arrays).half()
    return table.reshape(count, rows.samples, -1)


def held(table: np.ndarray, device: torch.device = CPU) -> HeldTargets:
    """The targets in a table (rows, samples, classes) float16, NaN where there are none."""
    flat = torch.from_numpy(table).flatten(0, 1)
    positions = (~flat.isnan().any(dim=1)).nonzero()[:, 0]
    arrays = {"values": flat[positions].to(device)}
    return HeldTargets(positions, arrays, table.shape[1], Encoding(table.shape[2]))
