"""The plot of baseline → distilled: places by hand, every seed, and teachers that are far away."""

import re

import pytest
from fake_results import study_of
from fake_runs import fake_pairs

from kd.report.study.first.dumbbell import MOST, Scale, dumbbell, scale_of
from kd.report.study.pairs import by_accuracy, pairs_of


def drawn(folder, runs):
    study, table = study_of(folder, runs)
    return dumbbell(by_accuracy(pairs_of(table, study)), study)


def test_an_accuracy_has_its_place_in_per_cent_of_the_width():
    """From 3 to 97 % of the width; what is beyond the axis is at its end."""
    scale = Scale(80, 90)
    assert [scale.at(value) for value in (80, 85, 90, 70, 95)] == [
        "3.00%",
        "50.00%",
        "97.00%",
        "3.00%",
        "97.00%",
    ]
    assert scale.ticks == [80, 82, 84, 86, 88, 90]
    assert Scale(79.9, 80.3).ticks == pytest.approx([79.9, 80.0, 80.1, 80.2, 80.3])


def test_the_axis_holds_all_students_and_the_teachers_that_are_near(tmp_path):
    """Students from 80 to 82, so a teacher of 95 is beyond it, and one of 83 is on it."""
    runs = fake_pairs([[2.0, 2.0], [1.0, 1.0]], seeds=2)
    runs[1]["test_accuracy"] = 83.0
    study, table = study_of(tmp_path, runs)
    scale = scale_of(pairs_of(table, study))
    assert 79.5 < scale.low < 80
    assert 83 < scale.high < 83.5
    far, near = (line["drawing"] for line in dumbbell(by_accuracy(pairs_of(table, study)), study)["rows"])
    assert "95 ▸" in far
    assert 'class="teacher"' not in far
    assert 'class="teacher"' in near


def test_every_seed_is_drawn_and_what_a_row_shows_is_said(tmp_path):
    (line,) = drawn(tmp_path, fake_pairs([[2.0, 2.1, 1.9]]))["rows"]
    assert (
        line["drawing"].count('class="seed distilled"') == line["drawing"].count('class="seed baseline"') == 3
    )
    assert 'aria-label="cnn ← t0: baseline 80.00 %, distilled 82.00 %, teacher 95.00 %"' in line["drawing"]
    assert (line["gain"], line["kind"]) == ("+2.00", "better")
    assert "diagnosis.html" in line["name"]


def test_rows_stand_by_student_and_accuracy_and_very_many_are_cut(tmp_path):
    gains = [[k / 10] for k in range(30)]
    plot = drawn(tmp_path, fake_pairs(gains, seeds=1))
    names = [re.sub("<[^>]*>", "", line["name"]) for line in plot["rows"]]
    assert names[:2] == ["cnn ← t29", "cnn ← t28"]
    assert (len(names), plot["left"]) == (MOST, 30 - MOST)


def test_seeds_that_are_all_equal_have_an_axis_too(tmp_path):
    plot = drawn(tmp_path, fake_pairs([[0.0]], seeds=1))
    assert "nan" not in plot["rows"][0]["drawing"]
    assert len(re.findall("<text", plot["axis"])) >= 3


def test_without_distilled_students_there_is_none(tmp_path):
    study, _ = study_of(tmp_path, fake_pairs([[1.0]], seeds=1))
    assert dumbbell([], study) == {}
