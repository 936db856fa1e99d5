"""All runs of a study as one table: means over seeds, and gains over the baseline of the same student.

It is computed here alone: build_table writes it (kd.results.table_csv), all others read it. Accuracies,
agreement and calibration error are in per cent, gains in percentage points, losses in nats.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from kd.errors import UserError
from kd.results.metrics import Metrics
from kd.results.runs import DIAGNOSED
from kd.results.significance import t_half_width
from kd.results.table_csv import COLUMNS, INTEGERS, KEY, KINDS
from kd.roles import BASELINE_ROW, DISTILLED_STUDENT, LABELS, MEAN, ROLES

_SETTINGS = ["architecture", "epochs", "loss_function", "parameters", "macs"]  # must not vary with the seed
_MEASURES = [name for name, kind in KINDS.items() if kind is float and name in Metrics.model_fields]
Measures = Mapping[str, float | None]  # those of DIAGNOSED
Runs = Iterable[Metrics | Mapping[str, Any]]  # a mapping has the keys of Metrics


def summarise(runs: Runs, diagnosed: Sequence[Measures] = ()) -> pd.DataFrame:
    """One row per teacher, baseline and teacher, student and method, and one per method over all pairs.

    `diagnosed` are the measures of the same runs from their logits, where they are known.
    Measures are means over the seeds; `*_std` are sample standard deviations over them. `gain` is the mean
    of paired differences (distilled minus baseline, same student, same seed), `gain_ci95` the half-width of
    its 95 % Student-t interval and `gain_n` the number of values it rests on. Spreads of one value are NaN.
    Where a text does not apply (the teacher of a teacher) it is empty.

    Raises UserError for no runs, repeated runs, seeds that differ in more than the seed, or a distilled
    student whose baseline is missing.
    """
    frame = with_gains(runs, diagnosed)
    rows = [_over_seeds(group) for _, group in frame.groupby(KEY, sort=False)]
    distilled = frame[frame["role"] == DISTILLED_STUDENT]
    rows += [_over_pairs(group) for _, group in distilled.groupby("method", sort=False)]
    table = pd.DataFrame(rows, columns=COLUMNS).astype(dict.fromkeys(INTEGERS, "Int64"))
    return table.sort_values(["role", "method", "name", "teacher"], key=_place, ignore_index=True)


def cell_row(runs: Runs, baselines: Runs) -> pd.Series:
    """The row of one teacher, student and method from its `runs` and the `baselines` with the same seeds.

    For who cannot wait for the whole study; it is the row that the table has. Raises UserError as summarise.
    """
    frame = with_gains([*baselines, *runs])
    return pd.Series(_over_seeds(frame[frame["role"] == DISTILLED_STUDENT]))[COLUMNS]


def with_gains(runs: Runs, diagnosed: Sequence[Measures] = ()) -> pd.DataFrame:
    """The runs as a frame, a row each, with the `gain` of distilled ones over their baseline, same seed.

    `diagnosed` as for summarise. Raises UserError as summarise.
    """
    frame = _collect(runs, diagnosed)
    baselines = frame.loc[frame["role"] == BASELINE_ROW, ["name", "seed", "test_accuracy"]]
    baselines = baselines.rename(columns={"test_accuracy": "baseline"})
    frame = frame.merge(baselines, on=["name", "seed"], how="left", indicator="merged")
    distilled = frame["role"] == DISTILLED_STUDENT
    missing = frame[distilled & (frame["merged"] == "left_only")]
    if len(missing):
        name, seed = missing.iloc[0][["name", "seed"]]
        raise UserError(f"the baseline of student {name} with seed {seed} is missing: no gain without it")
    return frame.assign(gain=(frame["test_accuracy"] - frame["baseline"]).where(distilled))


def _collect(runs: Runs, diagnosed: Sequence[Measures]) -> pd.DataFrame:
    """The runs as a frame, one row each, after checking that no run is repeated."""
    keys = [*KEY, "seed", *_SETTINGS, *_MEASURES]
    rows = [Metrics.model_validate(run).model_dump(include=set(keys)) for run in runs]
    frame = pd.DataFrame(rows, columns=keys)
    measured = pd.DataFrame(diagnosed, columns=DIAGNOSED, index=frame.index if not diagnosed else None)
    frame = pd.concat([frame, measured], axis=1)
    if frame.empty:
        raise UserError("there are no runs to summarise: a study needs at least one teacher or student")
    frame["role"] = frame["role"].map(ROLES)
    frame[["teacher", "method"]] = frame[["teacher", "method"]].fillna("")
    twice = frame[frame.duplicated([*KEY, "seed"])]
    if len(twice):
        run = twice.iloc[0]
        raise UserError(f"two runs of {_title(run)} with seed {run['seed']}; list every run once")
    # Agreement is null where there is no teacher, and a column of nulls would hold objects.
    return frame.astype(dict.fromkeys([*_MEASURES, *DIAGNOSED], float))


def _over_seeds(group: pd.DataFrame) -> dict[str, Any]:
    """The row of runs that differ in nothing but the seed."""
    first = group.iloc[0]
    for setting in _SETTINGS:
        if group[setting].nunique(dropna=False) > 1:
            values = ", ".join(map(str, group[setting].unique()))
            raise UserError(f"seeds of {_title(first)} differ in {setting}: {values}; train them alike")
    measures = [*_MEASURES, *DIAGNOSED]
    row = first[[*KEY, *_SETTINGS]].to_dict() | group[measures].mean(skipna=False).to_dict()
    for measure in ("test_accuracy", "selected_test_accuracy", *DIAGNOSED):
        row[f"{measure}_std"] = group[measure].std(ddof=1, skipna=False)
    return row | {"seeds": len(group)} | _gain(group["gain"])


def _over_pairs(group: pd.DataFrame) -> dict[str, Any]:
    """The row of one method over all its pairs.

    The runs of one student and seed are compared with the very same baseline run, so their gains are not
    independent. They are first averaged over the teachers within each (student, seed); the mean and its
    t-interval are then taken over these averages, of which there are `gain_n`. A single seed has no interval:
    its students differ from each other, but say nothing of what another seed would give.
    """
    averages = group.groupby(["name", "seed"], sort=False)[[*_MEASURES, *DIAGNOSED, "gain"]]
    averages = averages.agg(lambda values: values.mean(skipna=False))
    row = {"role": MEAN, "name": "", "teacher": "", "architecture": "", "method": group["method"].iloc[0]}
    for setting, unknown in (("epochs", pd.NA), ("loss_function", "")):
        values = group[setting].unique()
        row[setting] = values[0] if len(values) == 1 else unknown
    row |= averages[[*_MEASURES, *DIAGNOSED]].mean(skipna=False).to_dict() | {
        "seeds": group["seed"].nunique()
    }
    row |= _gain(averages["gain"])
    return row if row["seeds"] > 1 else row | {"gain_ci95": math.nan}


def _gain(values: pd.Series) -> dict[str, Any]:
    """Mean of the paired differences, its interval and their number; nothing for roles without a gain."""
    if values.isna().all():
        return {"gain": math.nan, "gain_ci95": math.nan, "gain_n": pd.NA}
    return {"gain": values.mean(skipna=False), "gain_ci95": t_half_width(values), "gain_n": len(values)}


def _place(column: pd.Series) -> pd.Series:
    """Sort key: roles in their fixed order, names in the order in which the study first gives them."""
    order = [*ROLES.values(), MEAN] if column.name == "role" else list(column.unique())
    return column.map(order.index)


def _title(run: pd.Series) -> str:
    """`distilled student cnn from resnet18 by kd`, `teacher vgg16`."""
    origin = f" from {run['teacher']} by {run['method']}" if run["teacher"] else ""
    return f"{LABELS[run['role']]} {run['name']}{origin}"
