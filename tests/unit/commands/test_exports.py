"""Which exported student is the most accurate, and how to use it."""

from pathlib import Path

import pandas as pd
import pytest

from kd.commands.exports import best_student, card_of, closing_lines
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


def export(study, *names):
    folder = study.joinpath("export", *names)
    folder.mkdir(parents=True)
    (folder / "README.md").touch()


def test_the_best_is_the_distilled_student_with_the_highest_test_accuracy(study):
    assert best_student(study) == ("results/s/export/big/cnn/dkd", 94.25)
    assert card_of(best_student(study)[0]) == "results/s/export/big/cnn/dkd/README.md"


def test_a_student_without_a_teacher_may_be_best(study):
    write(study, *STUDENTS[:2], ("distilled student", "thin", "(none)", "tfkd", 95.0))
    assert best_student(study)[0] == "results/s/export/_none/thin/tfkd"


def test_a_study_without_a_table_or_a_student_has_no_best(study):
    write(study, *STUDENTS[:2])
    with pytest.raises(UserError, match="has no distilled student"):
        best_student(study)
    (study / "table.csv").unlink()
    with pytest.raises(UserError, match=r"no file results/s/table\.csv.*run the study first"):
        best_student(study)


def test_the_last_lines_name_the_best_and_predict_with_it(study):
    export(study, "big", "cnn", "dkd")
    export(study, "big", "cnn", "kd")
    assert closing_lines(study) == [
        "2 exported students in results/s/export/",
        "Most accurate  results/s/export/big/cnn/dkd (94.25 % test accuracy)",
        "Predict        python workflow/scripts/predict.py results/s/export/big/cnn/dkd image.png",
    ]


def test_where_the_best_is_not_exported_another_predicts(study):
    export(study, "big", "cnn", "kd")
    first, last = closing_lines(study)
    assert first == "1 exported student in results/s/export/"
    assert last.endswith("results/s/export/big/cnn/kd image.png")
    (study / "table.csv").unlink()
    assert len(closing_lines(study)) == 2


def test_no_export_is_an_error(study):
    with pytest.raises(UserError, match="results/s/export: no student is exported"):
        closing_lines(study)
