"""The single runs of a study, which its table has only as means."""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from kd.results.metrics import Metrics, read_metrics
from kd.roles import BASELINE_ROW, DISTILLED_STUDENT, ROLES

KEY = ["role", "name", "teacher", "method"]


def read_runs(paths: Sequence[Path]) -> pd.DataFrame:
    """The runs of these metrics.json as `runs_of`, and in `bytes` the size of the weights beside each.

    Raises UserError naming a file that is not whole. The size of weights that are not there is NaN.
    """
    weights = [path.with_name("model.safetensors") for path in paths]
    sizes = [file.stat().st_size if file.is_file() else math.nan for file in weights]
    return runs_of(map(read_metrics, paths)).assign(bytes=sizes)


def runs_of(metrics: Iterable[Metrics]) -> pd.DataFrame:
    """A row for each run: KEY as in the table, `seed`, `test_accuracy` (%), and `gain` of distilled students.

    The gain is that over the baseline with the same student and seed, in percentage points.
    """
    keys = [*KEY, "seed", "test_accuracy"]
    runs = pd.DataFrame([run.model_dump(include=set(keys)) for run in metrics], columns=keys)
    runs["role"] = runs["role"].map(ROLES)
    runs = runs.fillna({"teacher": "", "method": ""}).astype({"test_accuracy": float})
    baselines = runs.loc[runs["role"] == BASELINE_ROW, ["name", "seed", "test_accuracy"]]
    runs = runs.merge(
        baselines.rename(columns={"test_accuracy": "baseline"}), on=["name", "seed"], how="left"
    )
    gain = (runs["test_accuracy"] - runs["baseline"]).where(runs["role"] == DISTILLED_STUDENT)
    return runs.assign(gain=gain).drop(columns="baseline")


def values_of(runs: pd.DataFrame, row, measure: str) -> list[float]:
    """The `measure` of every seed of one `row` of the table."""
    same = (runs["role"] == row.role) & (runs["name"] == row.name)
    same &= (runs["teacher"] == row.teacher) & (runs["method"] == row.method)
    return runs.loc[same, measure].dropna().tolist()
