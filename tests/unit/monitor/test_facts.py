"""Progress files that something else has written are no reason for a traceback, nor for a coloured terminal."""

import copy
import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from kd.monitor.status import read_study
from kd.monitor.view import View

NOW = 1000.0
JOB = {"rule": "train", "wildcards": {"teacher": "big", "student": "cnn", "seed": "0"}, "started": 990.0}
STUDY = {
    "host": "nowhere",
    "pid": 1,
    "started": 900.0,
    "updated": 999.0,
    "ended": None,
    "rules": {"train": {"jobs": 4, "done": 1, "seconds": 10.0}},
    "running": [JOB | {"log": "results/digits/logs/train/0.log"}],
    "failed": [JOB | {"log": None}],
    "before": {"train": 3.0},
}
PROGRESS = {"updated": 999.0, "share": 0.5, "left": 9.0, "epoch": 1, "epochs": 2, "validation_accuracy": 80.0}
MORE = (None, True, -1, 0, 10**400, -1e308, float("nan"), float("inf"), "", [], [[]], {"a": 1})
ODD = [1e308, "\x1b[2J\x07", {}, *(pytest.param(value, marks=pytest.mark.full) for value in MORE)]


def places(tree, path=()):
    """The path of every part of a tree."""
    yield path
    if isinstance(tree, dict | list):
        for key in tree if isinstance(tree, dict) else range(len(tree)):
            yield from places(tree[key], (*path, key))


def changed(tree, path, value):
    if not path:
        return value
    tree = copy.deepcopy(tree)
    inner = tree
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return tree


def shown(folder: Path) -> str | None:
    study = read_study(folder, NOW)
    if study is None:
        return None
    console = Console(width=80, height=24, file=io.StringIO())
    console.print(View(study, folder, NOW, everything=True))
    return console.file.getvalue()


def write(folder, study, progress):
    for name, content in (("study", study), ("train/0", progress)):
        path = folder / f"progress/{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))


def test_the_files_as_they_should_be(tmp_path):
    write(tmp_path, STUDY, PROGRESS)
    for part in ("1 of 4 jobs of this run done", "big -> cnn, seed 0", "1/2", "80.0 %", "0:09 left"):
        assert part in shown(tmp_path)


@pytest.mark.parametrize("value", ODD)
def test_values_of_another_kind_are_left_out(tmp_path, value):
    for number, place in enumerate(places(STUDY)):
        write(tmp_path / f"study{number}", changed(STUDY, place, value), PROGRESS)
        assert "\x1b" not in (shown(tmp_path / f"study{number}") or ""), place
    for number, place in enumerate(places(PROGRESS)):
        write(tmp_path / f"job{number}", STUDY, changed(PROGRESS, place, value))
        assert "\x1b" not in shown(tmp_path / f"job{number}"), place


def test_what_is_nested_too_deep_and_names_with_control_characters(tmp_path):
    write(tmp_path, STUDY, PROGRESS)
    (tmp_path / "progress/study.json").write_text("[" * 200_000)
    assert shown(tmp_path) is None
    running = [STUDY["running"][0] | {"wildcards": {"teacher": "a\x1b[31m\nb"}}]
    write(tmp_path, STUDY | {"running": running}, PROGRESS)
    assert "a\N{REPLACEMENT CHARACTER}[31m\N{REPLACEMENT CHARACTER}b" in shown(tmp_path)
