"""The state of a study, from all its progress files."""

import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kd.errors import UserError, shown
from kd.io.atomic import runs_here
from kd.io.files import read_json
from kd.monitor.facts import JobFacts, ProgressFacts, StudyFacts
from kd.monitor.job_logs import last_lines, without_time
from kd.monitor.progress import SILENT
from kd.monitor.recorder import STUDY

LONGEST = 200  # characters of a note
SKEW = 5.0  # seconds by which clocks of two machines may differ
NUMBERED = ("trial", "rung", "seed", "epochs")  # wildcards whose values mean nothing without their names


@dataclass(frozen=True)
class Rule:
    """How many jobs a rule has in this run, how many are done, and the seconds that those took in all."""

    jobs: int
    done: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Job:
    """A job that runs, or has failed and was not started again.

    `label` is made of its wildcards, and so the same from its start to its end; the rule, where it has none.
    The values from its progress file are None where it has none (yet).
    """

    rule: str
    label: str
    log: str | None
    started: float = 0.0
    share: float | None = None  # of its work that is done
    left: float | None = None  # seconds
    epoch: int | None = None  # from 1
    epochs: int | None = None
    accuracy: float | None = None  # on the validation split, in percent
    silent: float | None = None  # seconds since its last update, where that is long ago
    note: str = ""  # the last line of its log, where it has no progress file


@dataclass(frozen=True)
class Study:
    """A run of Snakemake. `phase` is one of running, silent, killed, stopped, failed, done."""

    name: str
    phase: str
    started: float
    updated: float
    ended: float | None
    rules: Mapping[str, Rule]
    running: tuple[Job, ...]
    failed: tuple[Job, ...]
    before: Mapping[str, float]  # seconds that a job of a rule took in an earlier run

    @property
    def jobs(self) -> int:
        """All of this run."""
        return sum(rule.jobs for rule in self.rules.values())

    @property
    def done(self) -> int:
        """Those that have finished."""
        return sum(rule.done for rule in self.rules.values())

    @property
    def waiting(self) -> dict[str, int]:
        """By rule, how many jobs have not begun."""
        begun = [job.rule for job in (*self.running, *self.failed)]
        counts = {name: rule.jobs - rule.done - begun.count(name) for name, rule in self.rules.items()}
        return {name: count for name, count in counts.items() if count > 0}


def read_study(folder: Path, now: float | None = None) -> Study | None:
    """The study in results/<study> as it is `now` (seconds since 1970).

    None if no run of it has begun, or what is there was written by something else.
    """
    try:
        return study_of(folder, read_json(folder / "progress" / STUDY), now)
    except (UserError, ValueError):
        return None


def study_of(folder: Path, content: Any, now: float | None = None) -> Study:
    """The same of what kd.monitor.recorder writes. Raises ValueError for anything else."""
    now = time.time() if now is None else now
    facts = StudyFacts.model_validate(content)
    rules = {name: Rule(**rule.model_dump()) for name, rule in facts.rules.items()}
    failed = tuple(Job(job.rule, label_of(job), job.log) for job in facts.failed)
    running = tuple(_running(folder, job, now) for job in facts.running if job.rule in rules)
    complete = sum(rule.done for rule in rules.values()) == sum(rule.jobs for rule in rules.values())
    phase = _phase(facts, bool(failed), complete, now)
    times = facts.started, facts.updated, facts.ended
    return Study(folder.name, phase, *times, rules, running, failed, facts.before)


def _phase(facts: StudyFacts, failed: bool, complete: bool, now: float) -> str:
    if facts.ended is not None:
        return "failed" if failed else "done" if complete else "stopped"
    if now - facts.updated < SILENT:
        return "running"
    return "killed" if facts.host == socket.gethostname() and not runs_here(facts.pid) else "silent"


def label_of(job: JobFacts) -> str:
    """ "big -> cnn, kd, seed 0", or the rule of a job that has no wildcards."""
    values = dict(job.wildcards)
    pair = " -> ".join(values.pop(name) for name in ("teacher", "student") if name in values)
    numbers = [f"{name} {values.pop(name)}" for name in NUMBERED if name in values]
    return ", ".join([*([pair] if pair else []), *values.values(), *numbers]) or job.rule


def _running(folder: Path, job: JobFacts, now: float) -> Job:
    known = Job(job.rule, label_of(job), job.log, job.started)
    progress = _progress(folder, job.log)
    if not progress or progress.updated < known.started - SKEW:  # of an attempt before this one
        return replace(known, note=_note(folder, known))
    since = now - progress.updated
    return replace(
        known,
        accuracy=progress.validation_accuracy,
        silent=since if since > SILENT else None,
        **progress.model_dump(include={"share", "left", "epoch", "epochs"}),
    )


def _note(folder: Path, job: Job) -> str:
    """The last line of the log of this attempt, without the time before it; empty if there is none."""
    parts = Path(job.log or "").parts[3:]
    path = folder.joinpath("logs", *parts)
    try:
        if not parts or ".." in parts or not path.is_file() or path.stat().st_mtime < job.started - SKEW:
            return ""
    except OSError:
        return ""
    lines = last_lines(path)
    return shown(without_time(lines[-1]))[:LONGEST] if lines else ""


def _progress(folder: Path, log: str | None) -> ProgressFacts | None:
    """The progress file of the job with this log, results/<study>/logs/...; None where there is none."""
    try:
        path = folder.joinpath("progress", *Path(log or "").parts[3:]).with_suffix(".json")
        return ProgressFacts.model_validate(read_json(path))
    except (UserError, ValueError):
        return None
