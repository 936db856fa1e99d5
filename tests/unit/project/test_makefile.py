"""The Makefile with an environment of the user's."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")


def watch(venv, folder):
    command = ["make", "-f", str(ROOT / "Makefile"), f"VENV={venv}", "watch"]
    environment = {"PATH": "/usr/bin:/bin"}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)


@pytest.mark.parametrize("relative", [True, False])
@pytest.mark.parametrize("name", ["venv", "my venv"])
def test_an_environment_may_lie_anywhere(tmp_path, name, relative):
    programs = tmp_path / name / "bin"
    programs.mkdir(parents=True)
    for program in ("snakemake", "python"):
        (programs / program).write_text(f"#!/bin/sh\necho {program} of it: $*\n")
        (programs / program).chmod(0o755)
    done = watch(name if relative else tmp_path / name, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "python of it: workflow/scripts/watch.py results/digits\n"


def test_an_environment_without_snakemake_is_refused(tmp_path):
    done = watch(tmp_path / "my venv", tmp_path)
    assert done.returncode != 0
    assert f"error: VENV={tmp_path}/my venv holds no snakemake; install" in done.stdout
