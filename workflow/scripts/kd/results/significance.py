"""Which of several differ significantly from the best of them: paired, and corrected for their number."""

import math

import numpy as np
import pandas as pd
from scipy import stats

LEVEL = 0.05  # of the family of comparisons
POWER = 0.8  # with which a difference is to be noticed


def compare_with_best(gains: pd.DataFrame) -> pd.DataFrame:
    """How much lower each column of `gains` is than its first one, and whether that is significant.

    `gains` is (students and seeds, candidates) in percentage points, NaN where a candidate was not run.
    Candidates are compared over the rows that both have: two gains of one row are over the same baseline run,
    whose noise, often the larger part of their intervals, is no part of their difference.

    Returns a row per candidate: `difference`, the mean of first minus candidate; `difference_ci95`, the
    half-width of its 95 % Student-t interval, not corrected; `significant`, by a paired t-test with Holm's
    correction (Holm 1979, "A simple sequentially rejective multiple test procedure") for all candidates but
    the first, at a family-wise level of 5 %. From fewer than two rows nothing is significant.
    """
    differences = [(gains.iloc[:, 0] - gains[name]).dropna() for name in gains]
    compared = pd.DataFrame(
        {
            "difference": [values.mean() for values in differences],
            "difference_ci95": [t_half_width(values) for values in differences],
            "significant": False,
        },
        index=gains.columns,
    )
    compared.iloc[1:, 2] = holm([p_value(values) for values in differences[1:]]) < LEVEL
    return compared


# By hand, as scipy's ttest_1samp warns where all differences are equal, and its interval differs from
# t_half_width in the last digits.
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
    return half_width(values.std(ddof=1, skipna=False), len(values))


def half_width(deviation: float, n: int) -> float:
    """The same of `n` values with this sample standard deviation."""
    if n < 2:
        return math.nan
    return float(stats.t.ppf(0.975, n - 1) * deviation / math.sqrt(n))


def seeds_to_resolve(deviation: float, difference: float = 1.0) -> int:
    """How many seeds notice a mean paired difference of `difference` points, in one comparison at 80 % power.

    `deviation` is the standard deviation of the paired differences over seeds, in points. For a two-sided
    paired t-test at 5 %: n = (z_{0.975} + z_{0.8})² · deviation² / difference² + z²_{0.975} / 2, rounded up,
    at least 2. Guenther 1981, "Sample Size Formulas for Normal Theory T Tests", The American Statistician
    35(4), 243-244 (doi:10.1080/00031305.1981.10479363).
    """
    two_sided, power = stats.norm.ppf([1 - LEVEL / 2, POWER])
    needed = ((two_sided + power) * deviation / difference) ** 2 + two_sided**2 / 2
    return max(2, math.ceil(needed))


def typical_deviation(values: pd.DataFrame) -> float:
    """The median, over all pairs of columns, of the standard deviation of their difference over the rows.

    `values` is (seeds, candidates); NaN where there are not two columns and two rows without gaps.
    """
    known = values.dropna(axis=1)
    if min(known.shape) < 2:
        return math.nan
    covariance = np.cov(known.to_numpy(), rowvar=False)
    variances = np.diag(covariance)
    squares = variances[:, None] + variances[None, :] - 2 * covariance
    return float(np.sqrt(np.median(np.maximum(squares[np.triu_indices(len(squares), 1)], 0))))
