"""What the networks of a study cost, beside their accuracies."""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pandas as pd

from kd.plots.seeds import KEY
from kd.plots.style import short
from kd.results.latency import ONNX, PYTORCH, milliseconds
from kd.roles import MEAN

Of = Callable[[str, str, str, str], float]  # the cost of a network by role, name, teacher and method


class Cost(NamedTuple):
    """A measure of cost: what a sentence calls it, the label of its axis, and the networks."""

    name: str
    label: str
    rows: pd.DataFrame  # of the table, with the column `cost`: NaN where it is not known
    prefixed: bool  # numbers have k, M and G


def parameters(table: pd.DataFrame) -> Cost:
    """The number of parameters; a teacher of which there are only logits has no place."""
    rows = table[table["role"] != MEAN].assign(cost=table["parameters"].astype(float))
    return Cost("number of parameters", "parameters", rows[rows["cost"].notna()], prefixed=True)


def latency(table: pd.DataFrame, measured: Mapping[str, Any]) -> Cost:
    """Milliseconds for one image: in ONNX Runtime or, where that measured no network, in PyTorch.

    `measured` is what a latency.json holds.
    """
    threads = measured["threads"]
    machine = f"{short(measured['device'], 30)}, {threads} thread{'s'[: threads != 1]}"
    rows, runtime = _timed(table, measured, ONNX), "ONNX Runtime"
    if rows["cost"].isna().all():
        rows, runtime = _timed(table, measured, PYTORCH), "PyTorch"
    label = f"milliseconds for one image in {runtime}\n({machine})"
    return Cost(f"{runtime} latency", label, rows, prefixed=False)


def file_size(table: pd.DataFrame, runs: pd.DataFrame) -> Cost:
    """Bytes of the file of weights, from the column `bytes` of the single `runs` (kd.plots.seeds)."""
    sizes = runs.groupby(KEY)["bytes"].mean().to_dict()
    rows = _rows(table, lambda *key: sizes.get(key, math.nan))
    return Cost("file size", "bytes of the weights (safetensors)", rows, prefixed=True)


def _timed(table: pd.DataFrame, measured: Mapping[str, Any], runtime: str) -> pd.DataFrame:
    return _rows(table, lambda *key: milliseconds(measured, *key, runtime=runtime))


def _rows(table: pd.DataFrame, of: Of) -> pd.DataFrame:
    rows = table[table["role"] != MEAN]
    costs = [of(row.role, row.name, row.teacher, row.method) for row in rows.itertuples()]
    return rows.assign(cost=pd.Series(costs, index=rows.index, dtype=float))
