"""What a training job costs before it trains: from the start of its process to its first step."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml

from bench.interleave import tell
from bench.statistics import stat
from kd.config.load import load_study
from kd.config.study.study import Study
from kd.errors import UserError
from kd.plan import training as jobs

# What Snakemake runs: its own preamble, then the script; here the process ends where the first step begins.
SCRIPT = """
import os, sys
from pathlib import Path
from snakemake import script
sys.path.insert(0, "workflow/scripts")
import train
from kd.settings.compute import Compute
from kd.jobs.training import TrainJob
from kd.training.outputs import Outputs
train.TrainingLog.on_step = lambda self, epoch, done: os._exit(0)
outputs = [Path(sys.argv[2]) / name for name in ("metrics", "history", "model", "logits", "board")]
train.main(TrainJob.model_validate_json(sys.argv[1]), Path(sys.argv[3]), Outputs(*outputs), compute=Compute())
sys.exit("the training ended without a step that was noticed")
"""


def first_steps(checkout: Path, folder: Path, repeats: int) -> dict[str, Any]:
    """A row for the default study's networks: seconds to the first step of each, and of all together.

    `checkout` is one in which the study's data set is prepared; `folder` takes what the jobs write.
    """
    study = load_study(yaml.safe_load((checkout / "config" / "config.yaml").read_text(encoding="utf-8")))
    trainings = _trainings(study)
    seconds: dict[str, list[float]] = {name: [] for name in trainings}
    for repetition in range(repeats + 1):
        for name, job in trainings.items():
            tell("first steps", f"repetition {repetition} of {repeats}, {name}")
            elapsed = _seconds(checkout, folder / name, job)
            seconds[name] += [elapsed] if repetition else []  # the first fills the caches of the disk
    every = [value for values in seconds.values() for value in values]
    stats = {name: stat(values) for name, values in seconds.items()}
    return {"what": "first step", "networks": stats, "all": stat(every)}


def _trainings(study: Study) -> dict[str, str]:
    """The jobs of every network, as JSON."""
    teachers = {name: jobs.teacher_job(study, name) for name in study.teachers}
    students = {name: jobs.baseline_job(study, name, study.seeds[0]) for name in study.students}
    return {name: job.to_json() for name, job in (teachers | students).items()}


def _seconds(checkout: Path, folder: Path, job: str) -> float:
    folder.mkdir(parents=True, exist_ok=True)
    dataset = "results/digits/data/dataset.safetensors"
    command = [sys.executable, "-c", SCRIPT, job, str(folder), dataset]
    started = time.perf_counter()
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True)
    seconds = time.perf_counter() - started
    if done.returncode:
        raise UserError(f"a job ended before its first step:\n{done.stderr[-2000:]}")
    return seconds
