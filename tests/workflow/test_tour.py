"""notebooks/tour.ipynb runs from top to bottom, in a fresh copy, and shows what it says that it shows."""

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from checkout import ROOT, Checkout
from docsite import tour

FILE = ROOT / "notebooks" / "tour.ipynb"


def _output(cell: nbformat.NotebookNode) -> str:
    """All text that a cell put out."""
    parts = [output.get("text") or output["data"].get("text/plain", "") for output in cell.outputs]
    return "".join(parts)


def _masked(text: str) -> list[str]:
    """Its lines without numbers, which another machine rounds otherwise, and in an order that no job decides."""
    return sorted(" ".join(re.sub(r"[\d.]+|-+", "#", line).split()) for line in text.splitlines())


@pytest.mark.full
def test_it_runs_from_top_to_bottom_and_its_outputs_are_the_committed_ones(
    fresh: Checkout, warm_environment: Path
):
    """Its Snakemake starts warm, as in most tests: its kernel takes that for its Python."""
    committed, book = (nbformat.read(FILE, as_version=4) for _ in range(2))
    folder = fresh.folder / "notebooks"
    folder.mkdir()
    tour.execute(book, folder, f"{warm_environment}/bin/python")  # it raises at an error of any cell
    text, kept = (
        "\n".join(_output(cell) for cell in cells if cell.cell_type == "code")
        for cells in (book.cells, committed.cells)
    )
    assert _masked(text) == _masked(kept), "run python -m docsite.tour"
    assert (
        len(re.findall(r": test accuracy [\d.]+ %", text)) == 7
    )  # a teacher, three baselines, three distilled
    assert re.search(r"distilled student +small +resnet18 +kd", text)
    assert "trainings that run again: distill_student\n" in text
    assert re.search(r"temperature 8: [\d.]+ %, temperature 4: [\d.]+ %", text)
    outputs = [output for cell in book.cells for output in cell.get("outputs", ())]
    assert any("image/svg+xml" in output.get("data", {}) for output in outputs)
    right, wrong = map(int, re.search(r"right (\d+), wrong (\d+), calibration error [\d.]+ %", text).groups())
    assert right + wrong == 1438  # 0.8 of 1,797 images
    assert "it is a 7" in text
    assert re.search(r"digit\.png.*\d", text)


# On Colab, as far as the first cell can tell; of what it runs git alone is run.
ON_COLAB = """
import os, subprocess, sys, types
sys.modules["google"] = types.ModuleType("google")
sys.modules["google.colab"] = sys.modules["google"].colab = types.ModuleType("google.colab")
really, runs = subprocess.run, []
def run(command, **options):
    runs.append(command)
    if command[0] == "git":
        return really(command, **options)
subprocess.run = run
cell = sys.stdin.read()
for time in ("first", "second"):
    exec(cell, {})
    print(time, os.getcwd(), sum(command[0] == "git" for command in runs), sum("pip" in command for command in runs))
"""


def test_on_colab_its_first_cell_clones_once_and_may_be_run_again(fresh: Checkout, tmp_path: Path):
    author = ["-c", "user.name=a reader", "-c", "user.email=reader@example.org"]
    for arguments in (["init", "-q"], ["add", "."], [*author, "commit", "-q", "-m", "as it is"]):
        subprocess.run(["git", *arguments], cwd=fresh.folder, check=True, capture_output=True)
    cell = next(cell.source for cell in nbformat.read(FILE, as_version=4).cells if cell.cell_type == "code")
    address = f'repository = "{fresh.folder}"'
    assert cell.count('repository = ""') == 1
    folder = tmp_path / "content"
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", ON_COLAB],
        input=cell.replace('repository = ""', address),
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    checkout = folder / "kd-workflow"
    assert done.stdout.splitlines() == [f"first {checkout} 1 2", f"second {checkout} 1 4"]
    assert not (checkout / "kd-workflow").exists()


def test_linked_files_exist():
    book = nbformat.read(FILE, as_version=4)
    links = re.findall(r"\]\(([^):]+)\)", "\n".join(cell.source for cell in book.cells))
    assert len(links) >= 3
    assert [link for link in links if not (FILE.parent / link).is_file()] == []
