"""Which trial of a sweep is the best, by the validation split alone."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from kd.errors import UserError
from kd.sweep import trial_name

Row = dict[str, Any]
MEASURES = ("validation_accuracy", "validation_accuracy_std", "validation_loss")


def rows_of(
    trials: Sequence[Mapping[str, Any]], runs: Sequence[Sequence[Mapping[str, Any]]], epochs: int
) -> list[Row]:
    """A row for each trial: its values, and its measures over the runs of its seeds.

    `runs` holds the metrics of each trial's runs. Accuracies are of the last epoch on the validation split,
    in per cent; `_std` is the sample standard deviation, empty for a single seed. Losses are in nats. Of a
    trial that diverged with any seed these are None. The best trial is marked by `chosen`.
    """
    rows = [_row(values, own, epochs) for values, own in zip(trials, runs, strict=True)]
    chosen = best(rows)
    return [row | {"chosen": int(place == chosen)} for place, row in enumerate(rows)]


def best(rows: Sequence[Row]) -> int:
    """The place of the highest mean accuracy; of equal ones the lower mean loss; of those the first.

    Raises UserError when every trial has diverged.
    """
    sound = [place for place, row in enumerate(rows) if row["validation_accuracy"] is not None]
    if not sound:
        raise UserError("none of the trials can be chosen: each has diverged with a seed at least")
    return min(sound, key=lambda place: (-rows[place]["validation_accuracy"], rows[place]["validation_loss"]))


def _row(values: Mapping[str, Any], runs: Sequence[Mapping[str, Any]], epochs: int) -> Row:
    row = {"trial": trial_name(values, epochs), **values, "epochs": epochs, "seeds": len(runs)}
    accuracies = [run["validation_accuracy"] for run in runs]
    if None in accuracies:
        return row | dict.fromkeys(MEASURES)
    spread = statistics.stdev(accuracies) if len(runs) > 1 else None
    loss = statistics.fmean(run["validation_loss"] for run in runs)
    return row | dict(zip(MEASURES, (statistics.fmean(accuracies), spread, loss), strict=True))
