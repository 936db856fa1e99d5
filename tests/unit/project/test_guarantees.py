"""Every promise of docs/reliability.md has the test that it names."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")


def _promises():
    """Of each row of a table the files of tests, those of the row before for "same file", and words of the tests."""
    files = []
    for line in TEXT.splitlines():
        if line.startswith("On a real Slurm"):
            files = re.findall(r"`(tests/\S+\.py)`", line)
        if line.startswith("| ") and not line.startswith("| promise"):
            promise, tests = line.strip("| ").rsplit(" | ", 1)
            here = re.findall(r"`([\w/]+\.py)`", tests)
            files = [*(files if "same file" in tests else []), *here] or files
            yield pytest.param(files, re.findall(r"`([a-z0-9_]+)`", tests), id=promise[:50])


def _tests_of(file):
    paths = [folder / file for folder in (ROOT, ROOT / "tests" / "unit") if (folder / file).is_file()]
    assert len(paths) == 1, file
    return re.findall(r"def (test_\w+)", paths[0].read_text(encoding="utf-8"))


@pytest.mark.parametrize(("files", "words"), list(_promises()))
def test_each_promise_has_its_test(files, words):
    names = [name for file in files for name in _tests_of(file)]
    assert names
    assert [word for word in words if not any(word in name for name in names)] == []
