"""Which of several lie behind the best of them: paired, and corrected for their number."""

import math

import numpy as np
import pandas as pd
from scipy import stats

LEVEL = 0.05  # of the family of comparisons


def compare_with_best(gains: pd.DataFrame) -> pd.DataFrame:
    """How far each column of `gains` lies behind its first one, and whether the two are told apart.

    `gains` is (clusters, candidates) in percentage points, NaN where a candidate was not run. Candidates are
    compared over the clusters that both have: two gains of one cluster are over the same baseline run, whose
    noise, often the larger part of their intervals, is no part of their difference.

    Returns a row per candidate: `behind`, the mean of first minus candidate; `behind_ci95`, the half-width of
    its 95 % Student-t interval, not corrected; `apart`, whether a paired t-test tells them apart with Holm's
    correction (Holm 1979, "A simple sequentially rejective multiple test procedure") for all candidates but
    the first, at a family-wise level of 5 %. With fewer than two clusters nothing is told apart.
    """
    differences = [(gains.iloc[:, 0] - gains[name]).dropna() for name in gains]
    found = pd.DataFrame(
        {
            "behind": [values.mean() for values in differences],
            "behind_ci95": [t_half_width(values) for values in differences],
            "apart": False,
        },
        index=gains.columns,
    )
    found.iloc[1:, 2] = holm([p_value(values) for values in differences[1:]]) < LEVEL
    return found


def p_value(differences: pd.Series) -> float:
    """Two-sided p of the paired t-test that the mean difference is 0; 1 for fewer than two differences."""
    n, mean, deviation = len(differences), differences.mean(), differences.std(ddof=1)
    if n < 2 or mean == 0:
        return 1.0
    with np.errstate(divide="ignore"):  # all differences may be the same
        return float(2 * stats.t.sf(abs(np.divide(mean, deviation / np.sqrt(n))), n - 1))


def holm(p_values: list[float]) -> np.ndarray:
    """Holm's adjusted p-values, in the given order: max over j ≤ i of min(1, (m - j + 1) p_(j))."""
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.maximum.accumulate(np.minimum(1, p[order] * np.arange(len(p), 0, -1)))
    return adjusted


def t_half_width(values: pd.Series) -> float:
    """Half-width of the 95 % Student-t interval of the mean: t_{0.975, n-1} · s / √n; NaN for one value."""
    n = len(values)
    if n < 2:
        return math.nan
    return float(stats.t.ppf(0.975, n - 1) * values.std(ddof=1, skipna=False) / math.sqrt(n))
