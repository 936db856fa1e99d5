"""The lines of a run without a terminal: its start, a line per job, how far it is after a long silence."""

import json
from collections.abc import Sequence
from pathlib import Path

from kd.io.log import VERBOSE
from kd.monitor.estimate import estimate, sentence
from kd.monitor.facts import JobFacts
from kd.monitor.progress import clock_time
from kd.monitor.status import Job, Study, label_of

LABEL = 44  # columns of the name of a job, at least
FEW = 4  # running jobs that a line names


def start_line(study: Study, folder: Path) -> str:
    """`Study "digits": 130 jobs; logs in results/digits/logs`."""
    jobs = f"{study.jobs} job{'s' * (study.jobs != 1)}"
    return f'Study "{study.name}": {jobs}. Logs: {folder / "logs"} ({VERBOSE}=1 prints them here)'


def finished_line(study: Study, job: JobFacts, outputs: Sequence[str], seconds: float) -> str:
    """`[ 12/130] train_teacher  preact_resnet18   97.08 %   0:07`."""
    return f"{_beginning(study, job)}  {accuracy(outputs):>8}  {clock_time(seconds):>7}"


def failed_line(study: Study, job: JobFacts) -> str:
    """The same of a job that has failed, with its log."""
    return f"{_beginning(study, job)}  failed; log: {job.log}"


def status_line(study: Study, now: float) -> str:
    """How far the study is, and the jobs that run."""
    jobs = ", ".join(_running(job) for job in study.running[:FEW])
    more = f" and {len(study.running) - FEW} more" if len(study.running) > FEW else ""
    return f"{_count(study)} {sentence(study, estimate(study, now), now)}. Running: {jobs or 'no job'}{more}"


def accuracy(outputs: Sequence[str]) -> str:
    """The accuracy in the metrics.json among the `outputs` of a training; empty for other jobs.

    On the test set; of a trial, which never sees it, on the validation split, "diverged" where it has none.
    """
    path = next((path for path in outputs if Path(path).name == "metrics.json"), None)
    if path is None:
        return ""
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8"))
        if values.get("diverged"):
            return "diverged"
        value = values.get("test_accuracy", values.get("validation_accuracy"))
        return f"{value:.2f} %"
    except (OSError, ValueError, TypeError, AttributeError):
        return ""


def _count(study: Study) -> str:
    return f"[{study.done:>{len(str(study.jobs))}}/{study.jobs}]"


def _beginning(study: Study, job: JobFacts) -> str:
    width = max(map(len, study.rules), default=0)
    label = label_of(job)
    return f"{_count(study)} {job.rule:<{width}}  {'' if label == job.rule else label:<{LABEL}}"


def _running(job: Job) -> str:
    name = job.rule if job.label == job.rule else f"{job.rule} {job.label}"
    how_far = f" {job.epoch}/{job.epochs}" if job.epochs else f" ({job.note})" if job.note else ""
    return f"{name}{how_far}"
