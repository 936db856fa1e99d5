"""What differs significantly from the best: paired, and corrected for how many are compared."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from kd.results.significance import compare_with_best, holm, p_value, seeds_to_resolve, typical_deviation

T_2 = 4.302652729911275  # t_{0.975, 2}


def test_holm_of_four_by_hand():
    """Sorted 0.005·4, 0.01·3, 0.03·2, and 0.04·1, which may not be less than the one before it."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.6]) == pytest.approx([1, 1])
    assert holm([]).shape == (0,)


def test_noise_that_is_shared_is_no_part_of_a_difference():
    """Gains that wander by 10 points from row to row, and together: 1, 1.1 and 0.9 apart."""
    gains = pd.DataFrame({"a": [0.0, 10.0, 20.0], "b": [-1.0, 8.9, 19.1]})
    compared = compare_with_best(gains)
    assert compared["difference"].tolist() == pytest.approx([0, 1])
    assert compared["difference_ci95"].tolist() == pytest.approx([0, T_2 * 0.1 / math.sqrt(3)])
    assert compared["significant"].tolist() == [False, True]


def test_the_same_p_as_scipy_has():
    first, second = np.random.default_rng(0).normal(size=(2, 7)) * 2 + [[1], [0]]
    assert p_value(pd.Series(first - second)) == pytest.approx(stats.ttest_rel(first, second).pvalue)


def test_a_difference_that_is_significant_alone_is_not_among_many():
    """1 ± 0.3 over three rows: t = 5.77, p = 0.029; of two such 0.058."""
    first, lower = [5.0, 6.0, 7.0], [3.7, 5.0, 6.3]
    assert compare_with_best(pd.DataFrame({"a": first, "b": lower}))["significant"].tolist() == [False, True]
    among = pd.DataFrame({"a": first, "b": lower, "c": lower})
    assert compare_with_best(among)["significant"].tolist() == [False, False, False]


def test_only_rows_that_both_have_are_compared():
    gains = pd.DataFrame(
        {"a": [5.0, 6.0, 7.0, math.nan], "b": [math.nan, 3.0, 4.0, 90.0], "c": [1.0] + [math.nan] * 3}
    )
    compared = compare_with_best(gains)
    assert compared["difference"].tolist() == pytest.approx([0, 3, 4])
    assert compared["significant"].tolist() == [False, True, False]  # of one row nothing is significant
    assert math.isnan(compared["difference_ci95"].iloc[2])


@pytest.mark.parametrize("second", [[1.0, 2.0], [math.nan, math.nan]])
def test_equal_or_never_met_is_not_significant(second):
    compared = compare_with_best(pd.DataFrame({"a": [1.0, 2.0], "b": second}))
    assert compared["significant"].tolist() == [False, False]


@pytest.mark.parametrize("deviation", [0.3, 0.83, 1.35, 3.0])
@pytest.mark.parametrize("difference", [0.5, 1.0])
def test_so_many_seeds_have_eighty_per_cent_power_by_the_noncentral_t(deviation, difference):
    """Guenther's closed form against the distribution itself: at most one seed too many, never one too few."""

    def power(n):
        limit = stats.t.ppf(0.975, n - 1)
        return stats.nct.sf(limit, n - 1, difference * math.sqrt(n) / deviation)

    n = seeds_to_resolve(deviation, difference)
    assert power(n) >= 0.79
    assert n == 2 or power(n - 2 if n > 3 else n - 1) < 0.8


def test_seeds_by_hand():
    """(1.95996 + 0.84162)² · 0.83² + 1.95996² / 2 = 5.407 + 1.921."""
    assert seeds_to_resolve(0.83) == 8
    assert seeds_to_resolve(0.0) == 2


def test_the_typical_deviation_is_the_median_over_pairs_of_columns():
    """Differences: a - b is 1, 1, 1; a - c is 0, 1, 2 with deviation 1; b - c is -1, 0, 1 with deviation 1."""
    values = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [0.0, 1.0, 2.0], "c": [1.0, 1.0, 1.0]})
    assert typical_deviation(values) == pytest.approx(1.0)
    assert typical_deviation(values[["a", "b"]]) == pytest.approx(0.0)
    assert math.isnan(typical_deviation(values[["a"]]))
    assert math.isnan(typical_deviation(values[:1]))
