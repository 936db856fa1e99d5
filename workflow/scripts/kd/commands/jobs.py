"""The jobs that a run of a study would start, from a dry run of Snakemake."""

import json
import logging
import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from kd.config.load import load_config
from kd.errors import UserError
from kd.io.files import read_json
from kd.plan.files import Plan

SNAKEFILE = Path(__file__).parents[3] / "plan.smk"
JOBS = "KD_PLANNED_JOBS"  # the variable that names the file for them


@dataclass(frozen=True)
class PlannedJob:
    """A job by its rule and wildcards; `waiting`: a run would start it."""

    rule: str
    wildcards: dict[str, str] = field(default_factory=dict)
    waiting: bool = True


class JobWriter(logging.Handler):
    """Writes the jobs of `workflow` into `path` once Snakemake has planned them."""

    def __init__(self, path: Path, workflow: Any) -> None:
        super().__init__()
        self._path, self._workflow = path, workflow

    def emit(self, record: logging.LogRecord) -> None:
        """Called by Snakemake for each of its messages; that of the statistics comes after the plan."""
        if getattr(record, "event", None) != "run_info":
            return
        with suppress(Exception):  # the reader says that the file is missing
            dag = self._workflow.dag
            jobs = [
                {"rule": job.rule.name, "wildcards": dict(job.wildcards.items()), "waiting": dag.needrun(job)}
                for job in dag.jobs
                if job.output
            ]
            self._path.write_text(json.dumps(jobs), encoding="utf-8")


def read_plan(config: Path) -> Plan:
    """The study of a config, and its plan; UserError with a line for each mistake in it."""
    try:
        content = yaml.safe_load(config.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UserError(f"{config}: cannot be read: {' '.join(str(error).split())}") from error
    try:
        return Plan.of(load_config(content, [str(config)]))
    except UserError as error:
        raise UserError(f"{config} is not valid.\n{error}") from None


def planned_jobs(config: Path) -> list[PlannedJob]:
    """The jobs of the study of a config, without those that only gather what others make.

    Empty if there is nothing to do. Raises UserError with what Snakemake says where it cannot plan them.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "jobs.json"
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(SNAKEFILE)]
        command += ["--configfile", str(config), "--dry-run", "--cores", "1", "--", "all"]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, JOBS: str(path)})
        if done.returncode:
            raise UserError(f"{config}: Snakemake cannot plan this study:\n{_last(done.stderr)}")
        return [PlannedJob(**job) for job in read_json(path)] if path.exists() else []


def _last(text: str, lines: int = 10) -> str:
    return "\n".join(text.strip().splitlines()[-lines:])
