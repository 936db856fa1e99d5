"""Cells of a CSV file that a spreadsheet would take for more than text."""

import csv

import pytest

from kd.datasets.open_images.pack import TABLE, write_table
from kd.io.tables import no_formula


@pytest.mark.parametrize("text", ["=cmd|' C'!A0", "@SUM(1)", "+1", "-1", "\t=1"])
def test_a_formula_becomes_text(text):
    assert no_formula(text) == f"'{text}"


@pytest.mark.parametrize("value", ["a=b", "", "'=1", -1, 0.5, None])
def test_other_values_stay(value):
    assert no_formula(value) is value


def test_the_table_of_licences_holds_no_formula(tmp_path):
    write_table(tmp_path, ["Author", "index"], [{"Author": "=HYPERLINK(1)", "index": 0}])
    with open(tmp_path / TABLE, newline="", encoding="utf-8") as file:
        assert list(csv.reader(file)) == [["Author", "index"], ["'=HYPERLINK(1)", "0"]]
