"""The picture of baselines and distilled students, of accuracies by hand; and the committed one."""

import csv
import json
import re

import pytest
from docsite.drawings import dumbbell

ROWS = [
    {"role": "teacher", "name": "big", "teacher": "", "method": "", "test_accuracy": "90", "gain": ""},
    {"role": "student alone", "name": "s", "teacher": "", "method": "", "test_accuracy": "80", "gain": ""},
    {
        "role": "distilled student",
        "name": "s",
        "teacher": "big",
        "method": "kd",
        "test_accuracy": "84",
        "gain": "4",
    },
    {
        "role": "distilled student",
        "name": "s",
        "teacher": "big",
        "method": "at",
        "test_accuracy": "79",
        "gain": "-1",
    },
]
SEEDS = {("s",): [79.0, 81.0], ("s", "big", "kd"): [83.0, 85.0], ("s", "big", "at"): [79.0, 79.0]}


def place(accuracy):
    """By hand: the axis is from 78.5 to 90.5, between pixels 124 and 395."""
    return f"{124 + 271 * (accuracy - 78.5) / 12:.1f}"


def test_marks_are_at_their_accuracies_and_the_best_is_on_top():
    drawn = dumbbell.draw(ROWS, SEEDS)
    assert re.findall(r'class="hollow" cx="([\d.]+)" cy="[\d.]+" r="4"/>\n', drawn) == [place(80), place(80)]
    assert re.findall(r'class="bar" cx="([\d.]+)" cy="[\d.]+" r="4.5"/>\n', drawn) == [place(84), place(79)]
    assert re.findall(r'class="mark" d="M([\d.]+) [\d.]+v12"/>\n', drawn) == [place(90), place(90)]
    assert re.findall(r'class="seed bar" cx="([\d.]+)"', drawn) == [place(k) for k in (83, 85, 79, 79)]
    assert re.findall(r">([+−]\d\.\d\d)<", drawn) == ["+4.00", "−1.00"]


def test_seeds_are_read_from_the_folders_of_a_study(tmp_path):
    for folder, accuracy in (("alone/s/0", 80.0), ("alone/s/1", 81.0), ("distilled/big/s/kd/0", 84.0)):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "metrics.json").write_text(json.dumps({"test_accuracy": accuracy}))
    assert dumbbell.read_seeds(tmp_path) == {("s",): [80.0, 81.0], ("s", "big", "kd"): [84.0]}
    with open(tmp_path / "table.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, ROWS[0])
        writer.writeheader()
        writer.writerows(ROWS)
    dumbbell.main(tmp_path, tmp_path / "drawn.svg")
    assert ">big<" in (tmp_path / "drawn.svg").read_text()


def test_the_committed_picture_has_the_gains_of_the_default_study():
    page = (dumbbell.ROOT / "docs" / "results" / "digits.md").read_text()
    rows = re.findall(r"^\| distilled student .*$", page, re.MULTILINE)
    gains = sorted(re.search(r"[+−]\d+\.\d\d(?= \[)", row)[0] for row in rows)
    assert len(gains) == 12
    assert sorted(re.findall(r">([+−]\d+\.\d\d)<", dumbbell.TARGET.read_text())) == gains


def test_a_study_that_has_not_run_is_named(tmp_path):
    with pytest.raises(SystemExit, match=r"has no table\.csv; run the study first"):
        dumbbell.main(tmp_path)
