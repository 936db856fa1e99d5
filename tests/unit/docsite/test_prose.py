"""The documents: short sentences, numbers that are those of the measurements, and pages that name what exists."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from docsite import method_pages

from kd import registry

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
GENERATED = "results"  # written by a program
MOST = 30  # words in a sentence; 25 are meant
_FENCE = re.compile(r"^ *```.*?^ *```|^\$\$.*?^\$\$", re.MULTILINE | re.DOTALL)
_BREAK = re.compile(r"\n\s*\n|^\s*(?:[-*]|\d+\.) |^#+ .*$|^ *\|.*$|^ *>", re.MULTILINE)


def pages() -> list[Path]:
    written = [page for page in DOCS.rglob("*.md") if page.parent.name != GENERATED]
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(written)]


def sentences(text: str) -> Iterator[str]:
    """The sentences outside code, tables and headings; code within a line counts as a word."""
    for block in _BREAK.split(_FENCE.sub("\n\n", text)):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", " ".join(block.split()))
        yield from re.split(r"(?<=[.!?:;]) +", re.sub(r"`[^`]*`", "code", plain))


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_sentences_are_short(page):
    text = page.read_text(encoding="utf-8")
    assert [sentence for sentence in sentences(text) if len(sentence.split()) > MOST] == []


def test_methods_are_named_and_linked_as_in_their_files():
    rows = re.findall(
        r"^\| \[`(\w+)`\]\((\S+)\) \| (.*?) \((.*?)\) \|", (DOCS / "methods.md").read_text(), re.M
    )
    entries = registry.methods()
    assert sorted(name for name, *_ in rows) == sorted(entries)
    for name, link, full, short in rows:
        assert (DOCS / link).resolve() == ROOT / f"workflow/scripts/kd/methods/{name}.py"
        title = method_pages.title(entries[name])
        assert title.startswith(f"{short} – {full}"), title


def test_numbers_beside_methods_are_the_measured_ones():
    """Those of docs/how-to/choose-method.md: gains from the method benchmark, times from the speed benchmark."""
    page, zoo = (DOCS / "how-to" / "choose-method.md").read_text(), (DOCS / "results" / "zoo.md").read_text()
    measured = json.loads((method_pages.MEASURED).read_text())["methods"]
    times = {row["method"]: f"{row['ratio']['median']:.2f}×" for row in measured}
    rows = re.findall(r"^\| `(\w+)` \| [\w ]+ \| (\S+ \[\S+ \S+\]) \| (\S+) \|$", page, re.MULTILINE)
    assert len(rows) > 10
    for name, gain, time in rows:
        assert re.search(rf"^\| {name} +\| +(?:[▲▼] )?{re.escape(gain)} \|", zoo, re.MULTILINE), name
        assert times[name] == time, name


def test_the_sizes_of_cached_logits_are_those_of_the_formula():
    """2 bytes a logit, or 2 and 1 or 2 for a label of the largest with 10 for the rest; 1 to the next entry."""
    cost, caching = ((DOCS / page).read_text() for page in ("how-to/cost.md", "caching.md"))
    for views, epochs, images, entry, size in (
        (9, 240, 251, 20, "47 kB"),
        (162, 200, 45_000, 20, "109 MB"),
        (162, 720, 45_000, 200, "1.4 GB"),
        (578, 100, 90_000, 400, "3.3 GB"),
        (578, 100, 90_000, 20 * 3 + 10, "0.6 GB"),
        (None, 100, 90_000, 50 * 3 + 10, "1.45 GB"),
        (None, 16, 90_000, 400, "0.6 GB"),
        (None, 300, 1_281_167, 20 * 4 + 10, "35.0 GB"),
        (None, 16, 1_281_167, 20 * 4 + 10, "1.9 GB"),
    ):
        seen = epochs if views is None else views * (1 - (1 - 1 / views) ** epochs)
        number, unit = size.split()
        exact = seen * images * (entry + 1) / {"kB": 1e3, "MB": 1e6, "GB": 1e9}[unit]
        assert f"{exact:.{len(number.partition('.')[2])}f}" == number
        assert f"| {size} |" in cost + caching


def test_times_of_a_long_study_follow_from_those_of_a_step():
    page = (DOCS / "how-to" / "cost.md").read_text()
    rows = re.findall(r"^\| `\w+` \| ([\d.]+) s \| ([\d.]+) h \|$", page, re.MULTILINE)
    assert len(rows) == 7
    for step, hours in rows:
        assert abs(float(step) * 200 * 352 / 3600 - float(hours)) < 0.5
