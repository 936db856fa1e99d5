"""The commands of the documents that need Snakemake's plugin for SLURM; tests/support/commands.py says how each is run."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from checkout import copy_code
from commands import commands, documents, to_run


@pytest.mark.skipif(
    importlib.util.find_spec("snakemake_executor_plugin_slurm") is None,
    reason="Snakemake's plugin for Slurm is not installed; `make test-slurm` installs it",
)
def test_they_run(tmp_path: Path):
    runnable = (to_run(command, "slurm") for document in documents() for command in commands(document))
    scripts = dict.fromkeys(filter(None, runnable))
    assert len(scripts) >= 3
    copy_code(tmp_path)
    environment = {**os.environ, "PATH": f"{sys.prefix}/bin:{os.environ['PATH']}"}
    for script in scripts:
        done = subprocess.run(
            ["bash", "-euc", script], cwd=tmp_path, capture_output=True, text=True, env=environment
        )
        assert done.returncode == 0, done.stdout + done.stderr
