"""A copy of the workflow to run Snakemake in, so that a measurement finds and leaves no results."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench.interleave import ROOT
from kd.errors import UserError

PARTS = ("Snakefile", "rules", "workflow", "config", "profiles", "envs")
TAIL = 4000  # characters of Snakemake's output that an error shows


def copy_checkout(target: Path) -> None:
    """Copy the workflow as it is now, with what is being worked on and without results."""
    target.mkdir(parents=True)
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, target / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(ROOT / part, target / part)


def snakemake(
    checkout: Path, *arguments: str, watch: Callable[[str], None] = lambda line: None
) -> tuple[float, str]:
    """Run it as a user would: seconds, and its output, of which `watch` gets each line at once.

    Raises UserError with its last words if it fails.
    """
    command = [sys.executable, "-m", "snakemake", *arguments]
    # What the caller's terminal sets is no part of the measurement.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SNAKEMAKE")}
    together = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    started, lines = time.perf_counter(), []
    with subprocess.Popen(command, cwd=checkout, env=environment, **together) as process:
        for line in process.stdout:
            lines.append(line)
            watch(line)
    seconds, text = time.perf_counter() - started, "".join(lines)
    if process.returncode:
        raise UserError(f"{' '.join(command)} ended with code {process.returncode}:\n{text[-TAIL:]}")
    return seconds, text
