"""Intervals of means."""

import math

import pandas as pd
from scipy import stats


def t_half_width(values: pd.Series) -> float:
    """Half-width of the 95 % Student-t interval of the mean: t_{0.975, n-1} · s / √n; NaN for one value."""
    n = len(values)
    if n < 2:
        return math.nan
    return float(stats.t.ppf(0.975, n - 1) * values.std(ddof=1, skipna=False) / math.sqrt(n))
