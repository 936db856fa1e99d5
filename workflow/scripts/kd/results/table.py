"""All runs of a study as one table: means over seeds, and gains over the same student trained alone.

Accuracies, agreement and calibration error are in per cent, gains in percentage points, losses in nats.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from kd.errors import UserError
from kd.results.format import duration, number, percent
from kd.results.metrics import Metrics
from kd.results.significance import t_half_width
from kd.roles import MEAN, ROLES

_ROW = ["role", "name", "teacher", "method"]  # names a row of the table; with the seed, one run
_SETTINGS = ["architecture", "epochs", "loss_function", "parameters", "macs"]  # must not vary with the seed
_MEASURES = [
    "train_loss",
    "train_accuracy",
    "validation_loss",
    "validation_accuracy",
    "test_loss",
    "test_accuracy",
    "selected_validation_accuracy",
    "selected_test_accuracy",
    "agreement",
    "ece",
    "seconds",
]
_ORDER = [
    *("role", "name", "teacher", "architecture", "method", "seeds", "epochs", "loss_function"),
    *("train_loss", "train_accuracy", "validation_loss", "validation_accuracy"),
    *("test_loss", "test_accuracy", "test_accuracy_std"),
    *("selected_validation_accuracy", "selected_test_accuracy", "selected_test_accuracy_std"),
    *("gain", "gain_ci95", "gain_n", "agreement", "ece", "parameters", "macs", "seconds"),
]
_INTEGERS = ["seeds", "epochs", "gain_n", "parameters", "macs"]


def summarise(runs: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """One row per teacher, student alone and teacher, student and method, and one per method over all pairs.

    Measures are means over the seeds; `*_std` are sample standard deviations over them. `gain` is the mean
    of paired differences (distilled minus alone, same student, same seed), `gain_ci95` the half-width of
    its 95 % Student-t interval and `gain_n` the number of values it rests on. Spreads of one value are NaN.
    Where a text does not apply (the teacher of a teacher) it is empty.

    Raises UserError for no runs, runs given twice, seeds that differ in more than the seed, or a distilled
    student whose baseline is missing.
    """
    frame = with_gains(runs)
    rows = [_over_seeds(group) for _, group in frame.groupby(_ROW, sort=False)]
    distilled = frame[frame["role"] == ROLES["distilled"]]
    rows += [_over_pairs(group) for _, group in distilled.groupby("method", sort=False)]
    table = pd.DataFrame(rows, columns=_ORDER).astype(dict.fromkeys(_INTEGERS, "Int64"))
    return table.sort_values(["role", "method", "name", "teacher"], key=_place, ignore_index=True)


def seed_table(table: pd.DataFrame) -> pd.DataFrame:
    """The classic table: a column per teacher; how it was trained, how well it does, and how long it took.

    All cells are text, and none is empty.
    """
    teachers = table[table["role"] == ROLES["teacher"]].set_index("name")
    rows = {
        "epochs": teachers["epochs"].map(lambda epochs: number(epochs, 0)),
        "loss function": teachers["loss_function"],
        "train loss": teachers["train_loss"].map(lambda loss: number(loss, 3)),
        "train accuracy": teachers["train_accuracy"].map(percent),
        "test loss": teachers["test_loss"].map(lambda loss: number(loss, 3)),
        "test accuracy": teachers["test_accuracy"].map(percent),
        "time taken": teachers["seconds"].map(duration),
    }
    return pd.DataFrame(rows, dtype=object).T.rename_axis(index=None, columns=None)


def _place(column: pd.Series) -> pd.Series:
    """Sort key: roles in their fixed order, names in the order in which the study first gives them."""
    order = [*ROLES.values(), MEAN] if column.name == "role" else list(column.unique())
    return column.map(order.index)


def _collect(runs: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """The runs as a frame, one row each, after checking that no run is given twice."""
    keys = [*_ROW, "seed", *_SETTINGS, *_MEASURES]
    frame = pd.DataFrame(
        [Metrics.model_validate(run).model_dump(include=set(keys)) for run in runs], columns=keys
    )
    if frame.empty:
        raise UserError("there are no runs to summarise: a study needs at least one teacher or student")
    frame["role"] = frame["role"].map(ROLES)
    frame[["teacher", "method"]] = frame[["teacher", "method"]].fillna("")
    twice = frame[frame.duplicated([*_ROW, "seed"])]
    if len(twice):
        run = twice.iloc[0]
        raise UserError(f"two runs of {_title(run)} with seed {run['seed']}; every run must be given once")
    # Agreement is null where there is no teacher, and a column of nulls would hold objects.
    return frame.astype(dict.fromkeys(_MEASURES, float))


def with_gains(runs: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """The runs as a frame, a row each, with the `gain` of distilled ones over their student alone, same seed.

    Raises UserError as `summarise` does.
    """
    frame = _collect(runs)
    alone = frame.loc[frame["role"] == ROLES["alone"], ["name", "seed", "test_accuracy"]]
    alone = alone.rename(columns={"test_accuracy": "baseline"})
    frame = frame.merge(alone, on=["name", "seed"], how="left", indicator="found")
    distilled = frame["role"] == ROLES["distilled"]
    missing = frame[distilled & (frame["found"] == "left_only")]
    if len(missing):
        name, seed = missing.iloc[0][["name", "seed"]]
        raise UserError(f"student {name} trained alone with seed {seed} is missing: no gain without it")
    return frame.assign(gain=(frame["test_accuracy"] - frame["baseline"]).where(distilled))


def _over_seeds(group: pd.DataFrame) -> dict[str, Any]:
    """The row of runs that differ in nothing but the seed."""
    first = group.iloc[0]
    for setting in _SETTINGS:
        if group[setting].nunique(dropna=False) > 1:
            found = ", ".join(map(str, group[setting].unique()))
            raise UserError(f"seeds of {_title(first)} differ in {setting}: {found}; train them alike")
    row = first[[*_ROW, *_SETTINGS]].to_dict() | group[_MEASURES].mean(skipna=False).to_dict()
    for measure in ("test_accuracy", "selected_test_accuracy"):
        row[f"{measure}_std"] = group[measure].std(ddof=1, skipna=False)
    return row | {"seeds": len(group)} | _gain(group["gain"])


def _over_pairs(group: pd.DataFrame) -> dict[str, Any]:
    """The row of one method over all its pairs.

    The runs of one student and seed are compared with the very same baseline run, so their gains are not
    independent. They are first averaged over the teachers within each (student, seed); the mean and its
    t-interval are then taken over these clusters, of which there are `gain_n`. A single seed has no interval:
    its students differ from each other, but say nothing of what another seed would give.
    """
    clusters = group.groupby(["name", "seed"], sort=False)[[*_MEASURES, "gain"]]
    clusters = clusters.agg(lambda values: values.mean(skipna=False))
    row = {"role": MEAN, "name": "", "teacher": "", "architecture": "", "method": group["method"].iloc[0]}
    for setting, unknown in (("epochs", pd.NA), ("loss_function", "")):
        values = group[setting].unique()
        row[setting] = values[0] if len(values) == 1 else unknown
    row |= clusters[_MEASURES].mean(skipna=False).to_dict() | {"seeds": group["seed"].nunique()}
    row |= _gain(clusters["gain"])
    return row if row["seeds"] > 1 else row | {"gain_ci95": math.nan}


def _gain(values: pd.Series) -> dict[str, Any]:
    """Mean of the paired differences, its interval and their number; nothing for roles without a gain."""
    if values.isna().all():
        return {"gain": math.nan, "gain_ci95": math.nan, "gain_n": pd.NA}
    return {"gain": values.mean(skipna=False), "gain_ci95": t_half_width(values), "gain_n": len(values)}


def _title(run: pd.Series) -> str:
    """`distilled student cnn from resnet18 by kd`, `teacher vgg16`."""
    origin = f" from {run['teacher']} by {run['method']}" if run["teacher"] else ""
    return f"{run['role']} {run['name']}{origin}"
