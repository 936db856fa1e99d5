"""No winner is called where a difference may be chance."""

import math

import pandas as pd
import pytest
from fake_runs import fake_run

from kd.results.ranking import caution, rank, rank_pairs, some, verdict_on, verdict_on_pairs
from kd.results.table import summarise

ALONE = [80.0, 84.0, 82.0]  # in three seeds
STEADY = {"kd": [3.0, 3.1, 2.9], "dkd": [3.4, 3.5, 3.6], "at": [0.0, 0.1, 0.2]}


def runs_of(gains, teachers=("t",)):
    """A study of one student: `gains` of each method in each seed, the same from every teacher."""
    runs = [fake_run("teacher", teacher) for teacher in teachers]
    runs += [fake_run("alone", "s", seed, test_accuracy=value) for seed, value in enumerate(ALONE)]
    for method, values in gains.items():
        for seed, gain in enumerate(values):
            for teacher in teachers:
                changes = {"teacher": teacher, "method": method, "test_accuracy": ALONE[seed] + gain}
                runs.append(fake_run("distilled", "s", seed, **changes))
    return [run for run in runs if run["role"] == "teacher" or run["seed"] < max(map(len, gains.values()))]


def ranked(gains, ranking=rank, **options):
    runs = runs_of(gains, **options)
    return ranking(summarise(runs), runs)


def test_the_highest_average_comes_first_and_the_others_with_their_difference_to_it():
    methods = ranked(STEADY)
    assert methods["method"].tolist() == ["dkd", "kd", "at"]
    assert methods["difference"].tolist() == pytest.approx([0, 0.5, 3.4])
    # 0.4, 0.4 and 0.7: t = 5, p = 0.038; 3.4 each time: p = 0
    assert methods["significant"].tolist() == [False, True, True]
    assert verdict_on(methods).startswith(
        "dkd has the highest average gain; all others are significantly lower"
    )


def test_no_winner_is_called_where_a_difference_may_be_chance():
    methods = ranked(STEADY | {"kd": [4.4, 3.1, 2.9]})
    assert methods["significant"].tolist() == [False, False, True]
    assert verdict_on(methods).startswith(
        "No winner: dkd has the highest average gain, but kd is not significantly lower"
    )


def test_intervals_that_overlap_may_differ_significantly_where_their_noise_is_shared():
    """The baseline of a seed is in the gains of all methods: here its noise is all there is."""
    methods = ranked({"kd": [1.0, 9.0, 5.0], "at": [0.0, 7.9, 4.1]})
    assert (methods["gain"] - methods["gain_ci95"]).iloc[0] < methods["gain"].iloc[1]
    assert methods["significant"].tolist() == [False, True]


def test_a_method_is_taken_as_its_mean_over_the_teachers():
    methods = ranked(STEADY, teachers=("t", "u"))
    assert methods["gain_n"].tolist() == [3, 3, 3]
    assert methods["pairs"].tolist() == [2, 2, 2]
    assert methods["difference"].tolist() == pytest.approx([0, 0.5, 3.4])


def test_from_a_single_seed_nothing_is_significant():
    methods = ranked({"kd": [1.0], "dkd": [9.0]})
    assert methods["significant"].tolist() == [False, False]
    assert methods["difference_ci95"].isna().all()
    assert "from a single seed no difference is significant" in verdict_on(methods)
    pairs = ranked({"kd": [1.0], "dkd": [9.0]}, rank_pairs)
    assert verdict_on_pairs(pairs).startswith("From a single seed")


def test_a_single_seed_of_two_students_is_no_interval_either():
    runs = [fake_run("alone", name, test_accuracy=80.0) for name in "ab"]
    for gain, name in enumerate("ab"):
        for method in ("kd", "at"):
            changes = {"teacher": None, "method": method, "test_accuracy": 81.0 + gain + (method == "at")}
            runs.append(fake_run("distilled", name, **changes))
    methods = rank(summarise(runs), runs)
    assert methods["gain_ci95"].isna().all()
    assert not methods["significant"].any()


def test_pairs_are_ranked_and_the_significant_ones_counted():
    """3 ± 0.25, 3.5 ± 0.25 and 0.1 ± 0.25: the last contains 0; its t against the first is infinite."""
    pairs = ranked(STEADY, rank_pairs)
    assert pairs["method"].tolist() == ["dkd", "kd", "at"]
    assert verdict_on_pairs(pairs) == (
        "2 of 3 gains are significant on their own (95 % CI above 0)."
        " The largest gain is significantly larger than all others (paired t-test, Holm-corrected)."
    )
    verdict = verdict_on_pairs(ranked(STEADY | {"kd": [4.4, 3.1, 2.9]}, rank_pairs))
    assert verdict.endswith(
        "1 of 2 gains is significantly smaller than the largest (paired t-test, Holm-corrected)."
    )
    verdict = verdict_on_pairs(ranked({"kd": [-9.0, 9.0, 0.5], "at": [0.0, 0.1, 0.2]}, rank_pairs))
    assert verdict == (
        "0 of 2 gains are significant on their own (95 % CI above 0). No pair is significantly better than"
        " another (paired t-test, Holm-corrected), so do not read the order as a ranking."
    )
    lost = verdict_on_pairs(ranked({"kd": [3.0, 3.1, 2.9], "at": [-2.0, -2.1, -1.9]}, rank_pairs))
    assert lost.startswith(
        "1 of 2 gains is significant on its own (95 % CI above 0), and 1 is significantly negative."
    )
    assert verdict_on_pairs(ranked({"kd": [1.0, 2.0, 3.0]}, rank_pairs)) == ""


def test_one_method_has_none_to_compare_with_and_a_study_without_methods_no_ranking():
    assert "none to compare" in verdict_on(ranked({"kd": [1.0, 2.0, 3.0]}))
    runs = [fake_run("alone", "s")]
    assert rank(summarise(runs), runs).empty
    assert rank_pairs(summarise(runs), runs).empty


@pytest.mark.parametrize(
    ("names", "text"),
    [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c"), (list("abcde"), "5 others")],
)
def test_names_in_a_sentence(names, text):
    assert some(names) == text


def test_averages_over_different_teachers_are_mentioned():
    rows = [
        ("distilled student", teacher, "s", method, 1.0, 0.1, 4)
        for teacher in "ab"
        for method in ("kd", "at")
    ]
    rows += [("distilled student", "(none)", "s", "tfkd", 1.0, 0.1, 4)]
    columns = ["role", "teacher", "name", "method", "gain", "gain_ci95", "gain_n"]
    assert caution(pd.DataFrame(rows, columns=columns)) == ""
    rows += [("distilled student", "both", "s", "kd", 1.0, 0.1, 4)]
    assert "Not all were run with the same teachers" in caution(pd.DataFrame(rows, columns=columns))


def test_gains_of_different_students_keep_their_own_baseline():
    runs = [
        fake_run("alone", name, seed, test_accuracy=base)
        for name, base in (("a", 50.0), ("b", 90.0))
        for seed in (0, 1)
    ]
    for name, base in (("a", 50.0), ("b", 90.0)):
        for seed in (0, 1):
            gain = {"a": 5.0, "b": 1.0}[name] + seed
            runs.append(fake_run("distilled", name, seed, test_accuracy=base + gain))
    pairs = rank_pairs(summarise(runs), runs)
    assert pairs["name"].tolist() == ["a", "b"]
    assert pairs["difference"].tolist() == pytest.approx([0, 4])
    assert not math.isnan(pairs["difference_ci95"].iloc[1])
