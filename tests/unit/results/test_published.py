"""Published accuracies beside ours: the difference, and whether our confidence interval holds them."""

import math

import pandas as pd
import pytest
from fake_runs import fake_run

from kd.results.metrics import Metrics
from kd.results.page import headlines, to_markdown
from kd.results.published.columns import with_published
from kd.results.published.text import legend, verdict
from kd.results.table import summarise
from kd.results.table_csv import COLUMNS, PUBLISHED, read_table, write_table

QUANTILE = 4.302652729911275  # of Student's t with two degrees of freedom, at 0.975
RUNS = [
    fake_run("teacher", "vgg16", test_accuracy=93.0),
    *(fake_run("alone", "cnn", seed, test_accuracy=value) for seed, value in enumerate((80.0, 81.0, 82.0))),
    *(
        fake_run("distilled", "cnn", seed, teacher="vgg16", test_accuracy=value)
        for seed, value in enumerate((82.0, 82.1, 82.2))
    ),
]
METRICS = list(map(Metrics.model_validate, RUNS))
BASELINE = {"role": "student alone", "name": "cnn", "teacher": "", "method": ""}
STUDENT = {"role": "distilled student", "name": "cnn", "teacher": "vgg16", "method": "kd"}
TEACHER = {"role": "teacher", "name": "vgg16", "teacher": "", "method": ""}


def cell(row, accuracy, source="A paper"):
    return row | {"accuracy": accuracy, "source": source}


def test_a_table_without_published_accuracies_has_no_such_columns(tmp_path):
    table = summarise(RUNS)
    assert with_published(table, ()) is table
    write_table(tmp_path / "table.csv", table)
    assert list(read_table(tmp_path / "table.csv")) == COLUMNS
    assert (verdict(table), legend(table)) == ("", [])
    assert "ublished" not in to_markdown(table, "mine", METRICS)


def test_the_difference_and_the_interval_of_our_mean(tmp_path):
    cells = [cell(TEACHER, 93.5), cell(BASELINE, 79.0), cell(STUDENT, 83.0, "Another")]
    table = with_published(summarise(RUNS), cells)
    assert list(table)[-5:] == list(PUBLISHED)
    write_table(tmp_path / "table.csv", table)
    read = read_table(tmp_path / "table.csv")
    write_table(tmp_path / "again.csv", read)
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "table.csv").read_bytes()
    teacher, baseline, student, mean = read.itertuples()
    assert (teacher.published, teacher.published_difference, teacher.published_within) == (93.5, -0.5, "")
    assert math.isnan(teacher.published_ci95)
    # 81 ± t · 1 / √3, and 82.1 ± t · 0.1 / √3
    assert baseline.published_difference == pytest.approx(2)
    assert baseline.published_ci95 == pytest.approx(QUANTILE / math.sqrt(3), rel=1e-7)
    assert student.published_ci95 == pytest.approx(QUANTILE * 0.1 / math.sqrt(3), rel=1e-7)
    assert (baseline.published_within, student.published_within) == ("yes", "no")
    assert (student.published_source, mean.published_source) == ("Another", "")
    assert pd.isna(mean.published)


def test_all_is_said_in_words():
    cells = [cell(TEACHER, 93.5), cell(BASELINE, 79.0), cell(STUDENT, 83.0, "Another")]
    table = with_published(summarise(RUNS), cells)
    sentence = (
        "Published accuracies: 1 of 2 is within our 95 % confidence interval, 0 are below it and 1 is above;"
        " 1 is of a single run, which has no interval."
    )
    assert verdict(table) == sentence == headlines(table)[-1]
    page = to_markdown(table, "mine", METRICS)
    assert "| published | difference to published | within our interval |" in " ".join(page.split())
    assert "83.00 | −0.90 [−1.15, −0.65] | no |" in " ".join(page.split())
    assert "Published by: A paper; Another." in page


def test_nothing_is_within_the_interval_of_a_single_run():
    table = with_published(summarise(RUNS[:2]), [cell(BASELINE, 80.0)])
    assert verdict(table) == "Published accuracies: 1 is of a single run, which has no interval."
