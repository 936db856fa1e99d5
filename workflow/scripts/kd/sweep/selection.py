"""Which trial of a sweep is the best, by the validation split alone."""

import statistics
from collections.abc import Sequence
from typing import Any

from kd.errors import UserError
from kd.results.metrics import TrialMetrics
from kd.sweep.trials import Values, trial_name

Row = dict[str, Any]
MEASURES = ("validation_accuracy", "validation_accuracy_std", "validation_loss")


def rows_of(
    values: Sequence[Values], places: Sequence[int], runs: Sequence[TrialMetrics], seeds: int, epochs: int
) -> list[Row]:
    """A row for each trial of a rung: its place in `values`, these values, and its measures over its seeds.

    `places` are those of the trials in this rung, and `runs` their metrics, those of a trial together.
    Accuracies are of the last epoch on the validation split, in per cent; `_std` is the sample standard
    deviation, None for a single seed. Losses are in nats. Of a trial that diverged with any seed there is
    none of these.
    """
    trials = [runs[start : start + seeds] for start in range(0, len(runs), seeds)]
    return [_row(values[place], place, trial, epochs) for place, trial in zip(places, trials, strict=True)]


def best(rows: Sequence[Row], keep: int) -> list[int]:
    """The places of the `keep` best trials: of the highest mean accuracy, of equal ones the lowest mean loss.

    Of trials that are equal in both, the first. Those that diverged are left out, so there may be fewer.
    Raises UserError when all have.
    """
    sound = [row for row in rows if row["validation_accuracy"] is not None]
    if not sound:
        raise UserError("no trial can be selected: each has diverged with at least one seed")
    ranked = sorted(
        sound, key=lambda row: (-row["validation_accuracy"], row["validation_loss"], row["place"])
    )
    return [row["place"] for row in ranked[:keep]]


def _row(values: Values, place: int, runs: Sequence[TrialMetrics], epochs: int) -> Row:
    row = {"place": place, "trial": trial_name(values, epochs), **values}
    row |= {"epochs": epochs, "seeds": len(runs)}
    accuracies = [run.validation_accuracy for run in runs]
    if None in accuracies:
        return row | dict.fromkeys(MEASURES)
    spread = statistics.stdev(accuracies) if len(runs) > 1 else None
    loss = statistics.fmean(run.validation_loss for run in runs)
    return row | dict(zip(MEASURES, (statistics.fmean(accuracies), spread, loss), strict=True))
