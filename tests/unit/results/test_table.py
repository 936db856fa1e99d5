"""The table of all runs: its means, its paired gains and their intervals, against sums done by hand."""

import math

import pandas as pd
import pytest
from fake_runs import fake_run, fake_study

from kd.errors import UserError
from kd.results.runs import DIAGNOSED
from kd.results.significance import t_half_width
from kd.results.table import cell_row, summarise
from kd.results.text.cells import seed_table

T_2 = 4.302652729911275  # the 0.975 quantile of Student's t, 2 degrees of freedom
T_3 = 3.182446305284263  # and 3


def pair(seed: int, alone: float, distilled: float, student: str = "cnn", **changes) -> list[dict]:
    """A baseline and its distilled student, with the same seed."""
    baseline = fake_run("alone", student, seed, test_accuracy=alone)
    return [baseline, fake_run("distilled", student, seed, test_accuracy=distilled, **changes)]


def row_of(table, role: str, **names: str):
    """The only row of a role that has these names."""
    rows = table[table["role"] == role]
    for column, name in names.items():
        rows = rows[rows[column] == name]
    assert len(rows) == 1
    return rows.iloc[0]


def three_seeds() -> list[dict]:
    """Paired differences 1, 2 and 3, while the accuracies themselves spread much wider."""
    return pair(0, 80, 81) + pair(1, 90, 92) + pair(2, 70, 73)


def test_accuracy_is_the_mean_and_the_sample_deviation_over_seeds():
    row = row_of(summarise(three_seeds()), "student alone")
    assert row["test_accuracy"] == pytest.approx(80)  # (80 + 90 + 70) / 3
    assert row["test_accuracy_std"] == pytest.approx(10)  # √((0 + 100 + 100) / (3 - 1))
    assert row["selected_test_accuracy"] == pytest.approx(79.95)  # each 0.05 less in the made-up runs
    assert row["selected_test_accuracy_std"] == pytest.approx(10)
    assert row["seeds"] == 3


def test_gain_and_interval_are_those_of_the_paired_differences():
    row = row_of(summarise(three_seeds()), "distilled student")
    assert row["gain"] == pytest.approx(2)  # (1 + 2 + 3) / 3
    # s = √((1 + 0 + 1) / 2) = 1, so t · s / √n = 4.3027 / √3 = 2.4841. Unpaired accuracies have s ≈ 10.
    assert row["gain_ci95"] == pytest.approx(T_2 / math.sqrt(3))
    assert row["gain_ci95"] == pytest.approx(2.484, abs=5e-4)
    assert row["gain_n"] == 3


def test_gain_pairs_by_seed_and_not_by_place():
    runs = three_seeds()
    assert summarise(runs[::-1]).iloc[-1]["gain_ci95"] == pytest.approx(T_2 / math.sqrt(3))


def test_a_lone_seed_has_no_spread():
    table = summarise(pair(0, 80, 81))
    row = row_of(table, "distilled student")
    assert row["gain"] == pytest.approx(1)
    assert math.isnan(row["gain_ci95"])
    assert table["test_accuracy_std"].isna().all()
    assert math.isnan(row_of(table, "mean over pairs")["gain_ci95"])


def test_the_average_over_pairs_is_over_students_and_seeds():
    """Two teachers, two students, two seeds: eight gains, but only four baselines."""
    gains = {("cnn", 0): (1, 3), ("cnn", 1): (0, 2), ("vgg11", 0): (3, 5), ("vgg11", 1): (2, 4)}
    runs = []
    for (student, seed), (first, second) in gains.items():
        runs += pair(seed, 80, 80 + first, student, teacher="resnet18")
        runs += pair(seed, 80, 80 + second, student, teacher="vgg16")[1:]
    row = row_of(summarise(runs), "mean over pairs", method="kd")
    # Averages: 2, 1, 4, 3; mean 2.5; s² = (0.25 + 2.25 + 2.25 + 0.25) / 3 = 5/3; t · s / √4.
    assert row["gain"] == pytest.approx(2.5)
    assert row["gain_ci95"] == pytest.approx(T_3 * math.sqrt(5 / 3) / 2)
    assert (row["gain_n"], row["seeds"]) == (4, 2)
    assert row["test_accuracy"] == pytest.approx(82.5)


def test_every_student_and_seed_weighs_the_same_however_many_teachers_it_has():
    runs = pair(0, 80, 81, "cnn", teacher="resnet18") + pair(0, 80, 83, "cnn", teacher="vgg16")[1:]
    runs += pair(0, 80, 86, "vgg11", teacher="resnet18")
    # (1 + 3) / 2 = 2 and 6; their mean is 4, where the mean of the three gains would be 3.33.
    assert row_of(summarise(runs), "mean over pairs")["gain"] == pytest.approx(4)


def test_methods_are_kept_apart():
    runs = pair(0, 80, 81, method="kd") + pair(0, 80, 84, method="dkd")[1:]
    table = summarise(runs)
    for role in ("distilled student", "mean over pairs"):
        assert row_of(table, role, method="kd")["gain"] == pytest.approx(1)
        assert row_of(table, role, method="dkd")["gain"] == pytest.approx(4)


def test_a_network_may_be_teacher_and_student():
    runs = [fake_run("teacher", "cnn", test_accuracy=70), *pair(0, 80, 81, "cnn", teacher="cnn")]
    table = summarise(runs)
    assert row_of(table, "teacher")["test_accuracy"] == 70
    assert row_of(table, "distilled student")["gain"] == pytest.approx(1)


def test_rows_stand_in_reading_order():
    table = summarise(fake_study(teachers=2, seeds=1, methods=("kd", "at"))[::-1])
    assert list(table["role"].unique()) == [
        "teacher",
        "student alone",
        "distilled student",
        "mean over pairs",
    ]
    assert len(table) == 2 + 2 + 2 * 2 * 2 + 2
    distilled = table[table["role"] == "distilled student"]
    assert distilled.groupby(["method", "name"], sort=False).ngroups == 4
    assert distilled["method"].ne(distilled["method"].shift()).sum() == 2  # one block per method


def test_the_row_of_one_cell_is_the_row_of_the_table():
    runs = fake_study(teachers=2, methods=("kd", "at"))
    row = row_of(summarise(runs), "distilled student", name="cnn", teacher="resnet18", method="at")
    own = [run for run in runs if (run["name"], run["teacher"], run["method"]) == ("cnn", "resnet18", "at")]
    alone = [run for run in runs if (run["role"], run["name"]) == ("alone", "cnn")]
    pd.testing.assert_series_equal(cell_row(own, alone), row, check_names=False, check_exact=True)
    with pytest.raises(UserError, match="seed 2 is missing"):
        cell_row(own, alone[:2])


def test_means_over_seeds_do_not_hide_a_missing_value():
    runs = [fake_run(seed=0, train_loss=None), fake_run(seed=1, train_loss=0.5)]
    assert math.isnan(summarise(runs).iloc[0]["train_loss"])


@pytest.mark.parametrize(
    ("runs", "words"),
    [
        ([], "no runs"),
        ([fake_run(), fake_run()], "two runs of teacher resnet18 with seed 0"),
        (
            three_seeds() + three_seeds()[-1:],
            "two runs of distilled student cnn from resnet18 by kd with seed 2",
        ),
        ([*pair(0, 1, 2), *pair(1, 1, 2)[1:]], "the baseline of student cnn with seed 1 is missing"),
        ([fake_run(seed=0, epochs=20), fake_run(seed=1, epochs=30)], "differ in epochs: 20, 30"),
    ],
)
def test_runs_that_make_no_table_are_refused(runs, words):
    with pytest.raises(UserError, match=words):
        summarise(runs)


def test_half_width_of_known_values():
    assert t_half_width(pd.Series([1.0, 2.0, 3.0])) == pytest.approx(T_2 / math.sqrt(3))
    assert t_half_width(pd.Series([5.0, 5.0])) == 0
    assert math.isnan(t_half_width(pd.Series([5.0])))


def test_seed_table_has_a_column_per_teacher_and_no_empty_cell():
    table = seed_table(summarise(fake_study(teachers=6, seeds=2)))
    assert list(table.columns) == [
        "resnet18",
        "preactresnet18",
        "vgg16",
        "googlenet",
        "densenet121",
        "mobilenet_v2",
    ]
    assert list(table.index) == [
        "epochs",
        "loss function",
        "train loss",
        "train accuracy",
        "test loss",
        "test accuracy",
        "time taken",
    ]
    assert all(isinstance(cell, str) and cell.strip() for cell in table.to_numpy().flat)


def test_seed_table_reads_as_people_write():
    run = fake_run(epochs=350, train_loss=0.0042, test_accuracy=95.678, seconds=15360.0)
    assert list(seed_table(summarise([run]))["resnet18"]) == [
        "350",
        "CE",
        "0.004",
        "99.50 %",
        "0.320",
        "95.68 %",
        "4 h 16 min",
    ]


def test_seed_table_of_a_study_without_teachers_is_empty():
    assert seed_table(summarise([fake_run("alone", "cnn")])).empty


def test_measures_of_the_logits_are_averaged_over_the_seeds_and_over_the_pairs():
    runs = three_seeds()
    measured = [dict.fromkeys(DIAGNOSED) | {"nll": 0.1 * place, "macro_f1": 50.0} for place in range(6)]
    table = summarise(runs, measured)
    alone, distilled = (row_of(table, role) for role in ("student alone", "distilled student"))
    assert (alone["nll"], distilled["nll"]) == (pytest.approx(0.2), pytest.approx(0.3))  # 0, 2, 4 and 1, 3, 5
    assert (alone["nll_std"], alone["macro_f1_std"]) == (pytest.approx(0.2), 0)
    assert math.isnan(alone["temperature"])
    pairs = row_of(table, "mean over pairs")
    assert pairs["nll"] == pytest.approx(0.3)
    assert math.isnan(pairs["nll_std"])
    plain = summarise(runs)
    assert plain[DIAGNOSED].isna().all(axis=None)
    later = {*DIAGNOSED, "unaveraged_test_accuracy"}
    before = [column for column in plain if column.removesuffix("_std") not in later]
    assert list(plain)[: len(before)] == before  # new columns are at the end
    pd.testing.assert_frame_equal(table[before], plain[before])
