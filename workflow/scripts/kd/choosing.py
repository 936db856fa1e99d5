"""Which trial of a sweep is the best, by the validation split alone."""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from kd.sweep import trial_name

Row = dict[str, Any]


def rows_of(
    trials: Sequence[Mapping[str, Any]], runs: Sequence[Sequence[Mapping[str, Any]]], epochs: int
) -> list[Row]:
    """A row for each trial: its values, and its measures over the runs of its seeds.

    `runs` holds the metrics of each trial's runs. Accuracies are of the last epoch on the validation split,
    in per cent; `_std` is the sample standard deviation, empty for a single seed. Losses are in nats. The
    best trial is marked by `chosen`.
    """
    rows = [_row(values, own, epochs) for values, own in zip(trials, runs, strict=True)]
    chosen = best(rows)
    return [row | {"chosen": int(place == chosen)} for place, row in enumerate(rows)]


def best(rows: Sequence[Row]) -> int:
    """The place of the highest mean accuracy; of equal ones the lower mean loss; of those the first.

    A run that diverged has no loss that could be compared, and counts as the highest.
    """
    return min(range(len(rows)), key=lambda place: _rank(rows[place]))


def _rank(row: Row) -> tuple[float, float]:
    loss = row["validation_loss"]
    return -row["validation_accuracy"], loss if math.isfinite(loss) else math.inf


def _row(values: Mapping[str, Any], runs: Sequence[Mapping[str, Any]], epochs: int) -> Row:
    accuracies = [run["validation_accuracy"] for run in runs]
    return {
        "trial": trial_name(values, epochs),
        **values,
        "epochs": epochs,
        "seeds": len(runs),
        "validation_accuracy": statistics.fmean(accuracies),
        "validation_accuracy_std": statistics.stdev(accuracies) if len(runs) > 1 else "",
        "validation_loss": statistics.fmean(run["validation_loss"] for run in runs),
    }
