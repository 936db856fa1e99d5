"""table.csv: what is written is what is read, to the last digit that the file has."""

import math
import re

import pandas as pd
import pytest
from fake_runs import fake_run, fake_study

from kd.errors import UserError
from kd.results.table import summarise
from kd.results.table_csv import COLUMNS, INTEGERS, WORDS, read_table, write_table

WORD_STUDY = [
    fake_run("teacher", "null", loss_function='a, "b"\nc'),
    fake_run("alone", "18"),
    fake_run("distilled", "18", teacher="NA", method="True", parameters=None, train_loss=None),
]


@pytest.mark.parametrize("runs", [fake_study(teachers=2), fake_study(1, 1, 1), [fake_run()], WORD_STUDY])
def test_a_table_that_is_read_gives_the_same_bytes_again(runs, tmp_path):
    table = summarise(runs)
    write_table(tmp_path / "first.csv", table)
    read = read_table(tmp_path / "first.csv")
    write_table(tmp_path / "second.csv", read)
    assert (tmp_path / "first.csv").read_bytes() == (tmp_path / "second.csv").read_bytes()
    assert list(read) == COLUMNS
    pd.testing.assert_frame_equal(read[WORDS + INTEGERS], table[WORDS + INTEGERS])
    for column in set(COLUMNS) - set(WORDS) - set(INTEGERS):
        rounded = [math.nan if math.isnan(value) else float(f"{value:.8g}") for value in table[column]]
        pd.testing.assert_series_equal(read[column], pd.Series(rounded, name=column))  # with no tolerance
        assert all(a == b or math.isnan(a) for a, b in zip(read[column], rounded, strict=True))


def test_words_stay_words_and_what_is_missing_stays_missing(tmp_path):
    write_table(tmp_path / "table.csv", summarise(WORD_STUDY))
    teacher, student, distilled, _ = read_table(tmp_path / "table.csv").itertuples()
    assert (teacher.name, teacher.teacher, teacher.loss_function) == ("null", "", 'a, "b"\nc')
    assert student.name == "18"
    assert (distilled.teacher, distilled.method) == ("NA", "True")
    assert distilled.parameters is pd.NA
    assert math.isnan(distilled.train_loss)


@pytest.mark.parametrize("text", ["", "role,name\nteacher,a\n", None, "half"])
def test_a_table_that_is_not_whole_is_named(text, tmp_path):
    path = tmp_path / "table.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UserError, match=f"^{re.escape(str(path))}: (not whole|cannot be read: No such file)"):
        read_table(path)


def test_a_number_that_is_none_is_refused(tmp_path):
    path = tmp_path / "table.csv"
    write_table(path, summarise([fake_run(test_accuracy=95.5)]))
    path.write_text(path.read_text().replace("95.5", "high"))
    with pytest.raises(UserError, match="not whole"):
        read_table(path)
