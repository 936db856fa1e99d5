"""What `make` prints while pip installs: one line of what it costs, and how far it is."""

import importlib.util
import io
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

FILE = Path(__file__).parents[3] / "envs" / "install.py"
SPEC = importlib.util.spec_from_file_location("install", FILE)
install = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(install)
LINES = """\
Collecting torch==2.15.0 (from -r envs/requirements.txt (line 21))
  Downloading torch-2.15.0-cp311-cp311-manylinux_2_28_x86_64.whl.metadata (28 kB)
Collecting filelock==4.3.1
Downloading torch-2.15.0-cp311-cp311-manylinux_2_28_x86_64.whl (539.1 MB)
Progress 1048576 of 539100000
Progress 269550000 of 539100000
Using cached filelock-4.3.1-py3-none-any.whl (16 kB)
Installing collected packages: filelock, torch
Successfully installed filelock-4.3.1 torch-2.15.0
"""


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("indent", ["", "  "], ids=["pip 24", "pip 23"])
def test_without_a_terminal_only_large_downloads_have_a_line(indent):
    stream = io.StringIO()
    bar = install.Bar(stream, 2)
    for line in LINES.replace("Downloading torch", f"{indent}Downloading torch").splitlines():
        bar.read(line)
    bar.end()
    assert stream.getvalue() == "  torch 539.1 MB\n  unpacks 2 packages\n"


def test_on_a_terminal_it_is_one_line_that_ends_empty(monkeypatch):
    stream, bar = Terminal(), None
    monkeypatch.setattr(install, "PAUSE", -1.0)  # every line is drawn
    bar = install.Bar(stream, 2)
    for line in LINES.splitlines():
        bar.read(line)
    drawn = stream.getvalue().split("\r\x1b[K")[1:]
    assert "\n" not in stream.getvalue()
    assert drawn[0].endswith("0 of 2  finding packages: torch")
    assert f"[{'#' * 15}{'.' * 15}] 1 of 2  torch 539.1 MB  50 %" in drawn
    assert drawn[-1] == f"[{'#' * 30}] 2 of 2  unpacks 2 packages"
    bar.end()
    assert stream.getvalue().endswith("\r\x1b[K")


@pytest.mark.parametrize(
    ("status", "out", "err"), [(0, "Installed in 0 s.\n", ""), (3, "", "error: pip could not")]
)
def test_what_it_costs_is_said_first_and_a_failure_last(capfd, monkeypatch, status, out, err):
    command = [sys.executable, "-S", "-c", f"print({LINES!r}); raise SystemExit({status})"]
    monkeypatch.setattr(install, "pip", lambda arguments: command)
    monkeypatch.setattr(install, "time", SimpleNamespace(monotonic=lambda: 0.0))
    assert install.main(Path("envs/requirements.txt"), []) == status
    printed = capfd.readouterr()
    assert printed.out.startswith("Installing PyTorch, Snakemake and what they need (")
    assert printed.out.endswith(out)
    assert printed.err.startswith(err)


def test_every_file_that_the_makefile_installs_has_its_cost():
    named = set(
        re.findall(r"^\.venv/\S+: envs/(\S+)", (FILE.parents[1] / "Makefile").read_text(), re.MULTILINE)
    )
    assert named == set(install.COSTS)
