"""Which student is the most accurate."""

from pathlib import Path

import pandas as pd
import pytest

from kd.commands.exports import best_export
from kd.errors import UserError
from kd.results.table_csv import COLUMNS, write_table


def write(folder, *rows):
    folder.mkdir(parents=True, exist_ok=True)
    names = ("role", "name", "teacher", "method", "test_accuracy")
    table = pd.DataFrame([dict(zip(names, row, strict=True)) for row in rows], columns=COLUMNS)
    write_table(folder / "table.csv", table)


STUDENTS = (
    ("teacher", "big", "", "", 99.0),
    ("student alone", "cnn", "", "", 98.5),
    ("distilled student", "cnn", "big", "kd", 93.5),
    ("distilled student", "cnn", "big", "dkd", 94.25),
    ("distilled student", "thin", "big", "dkd", 94.25),
    ("distilled student", "thin", "(none)", "tfkd", 90.0),
    ("mean over pairs", "all", "", "kd", 98.0),
)


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(Path("results/s"), *STUDENTS)
    return Path("results/s")


def test_the_best_is_the_distilled_student_with_the_highest_test_accuracy(study):
    assert best_export(study) == "results/s/export/big/cnn/dkd/README.md"


def test_a_student_without_a_teacher_may_be_best(study):
    write(study, *STUDENTS[:2], ("distilled student", "thin", "(none)", "tfkd", 95.0))
    assert best_export(study) == "results/s/export/_none/thin/tfkd/README.md"


def test_a_study_without_a_table_or_a_student_has_no_best(study):
    write(study, *STUDENTS[:2])
    with pytest.raises(UserError, match="has no distilled student"):
        best_export(study)
    (study / "table.csv").unlink()
    with pytest.raises(UserError, match=r"no file results/s/table\.csv.*run the study first"):
        best_export(study)
