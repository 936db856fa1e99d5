"""No winner is called where intervals overlap."""

import math

import pandas as pd
import pytest

from kd.ranking import caution, rank, verdict_on


def ranked(*methods):
    rows = [("mean over pairs", "", "", name, gain, half, 4) for name, gain, half in methods]
    rows.insert(1, ("distilled student", "a", "s", "kd", 99.0, 0.1, 4))  # a single pair is not ranked
    return rank(frame(rows))


def frame(rows):
    return pd.DataFrame(rows, columns=["role", "teacher", "name", "method", "gain", "gain_ci95", "gain_n"])


def test_the_highest_mean_comes_first_and_what_overlaps_with_it_is_tied():
    """[0.5, 1.5], [0.9, 2.1] and [-0.2, 0.6]: the second is highest, and reaches down to 0.9."""
    found = ranked(("kd", 1.0, 0.5), ("dkd", 1.5, 0.6), ("at", 0.2, 0.4))
    assert found["method"].tolist() == ["dkd", "kd", "at"]
    assert found["tied"].tolist() == [True, True, False]
    assert verdict_on(found) == "No winner: the intervals of dkd and kd overlap with the highest."


def test_a_winner_is_called_where_nothing_overlaps():
    found = ranked(("kd", 1.0, 0.2), ("dkd", 1.5, 0.2))
    assert verdict_on(found) == "dkd gains the most: its whole interval lies above those of all others."


@pytest.mark.parametrize("gap", [0.0, 1e-12])
def test_intervals_that_touch_overlap(gap):
    assert ranked(("kd", 1.0, 0.25), ("dkd", 1.5 - gap, 0.25))["tied"].tolist() == [True, True]


def test_without_intervals_nothing_is_told_apart():
    found = ranked(("kd", 1.0, math.nan), ("dkd", 9.0, math.nan))
    assert found["tied"].tolist() == [True, True]
    assert "no method is told apart" in verdict_on(found)
    assert "none to compare" in verdict_on(ranked(("kd", 1.0, 0.1)))


def test_a_study_without_methods_has_no_ranking():
    assert ranked().empty


def test_means_over_different_teachers_are_said():
    rows = [
        ("distilled student", teacher, "s", method, 1.0, 0.1, 4)
        for teacher in "ab"
        for method in ("kd", "at")
    ]
    rows += [("distilled student", "(none)", "s", "tfkd", 1.0, 0.1, 4)]
    assert caution(frame(rows)) == ""
    rows += [("mean over pairs", "", "", "kd", 1.0, 0.1, 4)]
    assert rank(frame(rows))["pairs"].tolist() == [2]
    rows += [("distilled student", "both", "s", "kd", 1.0, 0.1, 4)]
    assert "Not all were run with the same teachers" in caution(frame(rows))
    assert rank(frame(rows))["pairs"].tolist() == [3]
