"""How much each hyperparameter of a sweep matters."""

from collections.abc import Sequence

import pandas as pd

BINS = 4  # of equally many trials, for a hyperparameter with more values than that


def importance(table: pd.DataFrame, keys: Sequence[str]) -> dict[str, float]:
    """The share of the variance of validation accuracy that each key explains by itself, 0 to 1.

    The trials are grouped by the values of a key, or by quartiles of a number that has more than BINS values.
    The share is epsilon squared (Kelley 1935, PNAS 21): with n trials, k groups, SSB and SSE the sums of
    squares between and within groups, max(0, (SSB - (k - 1) · SSE / (n - k)) / (SSB + SSE)). Unlike SSB /
    (SSB + SSE), the main effect of a functional ANOVA (Hutter et al. 2014), its expected value is 0 where the
    key does not matter. NaN where it cannot be computed: fewer than two groups, or as many as trials.
    """
    known = table[table["validation_accuracy"].notna()]
    return {key: _epsilon_squared(known["validation_accuracy"], _groups(known[key])) for key in keys}


def _groups(values: pd.Series) -> pd.Series:
    if (
        pd.api.types.is_numeric_dtype(values)
        and not pd.api.types.is_bool_dtype(values)
        and values.nunique() > BINS
    ):
        return pd.qcut(values, BINS, labels=False, duplicates="drop")
    return values.astype(str)


def _epsilon_squared(accuracies: pd.Series, groups: pd.Series) -> float:
    trials, count = len(accuracies), groups.nunique()
    total = float(((accuracies - accuracies.mean()) ** 2).sum())
    if count < 2 or trials <= count or total == 0:
        return float("nan")
    within = float(((accuracies - accuracies.groupby(groups).transform("mean")) ** 2).sum())
    return max(0.0, (total - within - (count - 1) * within / (trials - count)) / total)
