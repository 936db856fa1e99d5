"""What Snakemake is doing, kept in results/<study>/progress/study.json for monitors.

A handler of Snakemake's own log, whose records carry what happens as fields. It does nothing until a job
is started, so that dry runs, reports and the Snakemakes inside jobs write nothing; and nothing that goes
wrong in it reaches Snakemake.
"""

import copy
import logging
import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from kd.io.files import read_json
from kd.monitor.progress import Throttle, write_progress

STUDY = "study.json"
ALIVE = 5.0  # seconds after which it is written even if nothing has happened
BY_USER = "Terminating processes on user request"  # with which Snakemake reports Ctrl-C
TOGETHER = 1.0  # seconds within which the jobs that Ctrl-C has reached may fail before Snakemake reports it


class Recorder(logging.Handler):
    """Keeps `folder`/study.json. `planned` returns how many jobs each rule has, those done among them, and
    nothing where they are not really run.

    What it writes: `host`, `pid`, `started`, `updated` and `ended` (None while Snakemake runs) in seconds
    since 1970; `rules`, of each the number of `jobs`, of those `done` and the `seconds` that these took in
    all; the jobs that are `running` (or were when it ended) or have `failed`, with rule, wildcards, log and
    when they started; and `before`, the seconds that a job of a rule took when it ran last.
    """

    def __init__(self, folder: Path, planned: Callable[[], Mapping[str, int]]) -> None:
        super().__init__()
        self._path, self._planned = folder / STUDY, planned
        self._jobs: dict[int, dict[str, Any]] = {}  # that are running or have failed
        self._rules: dict[str, dict[str, float]] = {}
        self._facts: dict[str, Any] = {}
        self._total: int | None = None
        self._stopped = False  # by the user: a job that ends badly then has not failed
        self._changes = threading.Lock()  # not the handler's own, which Snakemake holds while it closes this
        self._news, self._closing = threading.Event(), threading.Event()
        self._writer: threading.Thread | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Take in a record; called by Snakemake, which must not notice it."""
        with suppress(Exception), self._changes:
            self._take_in(getattr(record, "event", None), record)

    def close(self) -> None:
        """Called when Snakemake ends, however it does, unless it is killed."""
        with suppress(Exception):
            if self._writer and not self._closing.is_set():
                self._closing.set()
                self._news.set()
                self._writer.join(timeout=10)
        super().close()

    def content(self) -> dict[str, Any] | None:
        """What is written of the study as it is now; None before a job was started."""
        if self._writer is None:
            return None
        with self._changes:
            jobs, rules = copy.deepcopy((list(self._jobs.values()), self._rules))
        content = self._facts | {"updated": time.time(), "rules": rules}
        content["running"] = [job for job in jobs if "failed" not in job]
        content["failed"] = [job for job in jobs if "failed" in job]
        return content

    def _take_in(self, event: str | None, record: logging.LogRecord) -> None:
        now = record.created  # and not when it gets here: Snakemake hands its records on by another thread
        if event == "job_started" and self._writer is None:
            self._begin(now)
        if self._writer is None:
            return
        if event == "job_info":
            self._jobs[record.jobid] = {
                "rule": record.rule_name,
                "wildcards": {name: str(value) for name, value in (record.wildcards or {}).items()},
                "log": next((str(path) for path in record.log or ()), None),
                "started": now,
            }
        elif event == "job_finished" and (job := self._jobs.pop(record.job_id, None)):
            rule = self._rules[job["rule"]]
            rule["done"] += 1
            rule["seconds"] += now - job["started"]
        elif event == "job_error" and (job := self._jobs.get(record.jobid)):
            if not self._stopped:
                job["failed"] = now
        elif event is None and str(record.msg).startswith(BY_USER):
            self._stop(now)
        elif event == "progress" and record.total != self._total:  # a checkpoint has brought jobs
            self._total = record.total
            self._plan()
        else:
            return
        self._news.set()

    def _stop(self, now: float) -> None:
        self._stopped = True
        for job in self._jobs.values():
            if now - job.get("failed", now) < TOGETHER:
                job.pop("failed", None)

    def _begin(self, now: float) -> None:
        if not self._planned():
            return
        facts = {"host": socket.gethostname(), "pid": os.getpid(), "started": now, "ended": None}
        self._facts = facts | {"before": _seconds_before(self._path)}
        shutil.rmtree(self._path.parent, ignore_errors=True)  # with what jobs left that were killed
        self._plan()
        self._writer = threading.Thread(target=self._keep_written, daemon=True, name="study.json")
        self._writer.start()

    def _plan(self) -> None:
        for rule, jobs in self._planned().items():
            self._rules.setdefault(rule, {"done": 0, "seconds": 0.0})["jobs"] = jobs

    def _keep_written(self) -> None:
        """Runs in a thread of its own, so that Snakemake never waits for the disk."""
        throttle = Throttle()
        while not self._closing.is_set():
            self._news.clear()
            with throttle.writing():
                self._write()
            self._closing.wait(throttle.left)
            self._news.wait(ALIVE)
        self._facts["ended"] = time.time()
        self._write()

    def _write(self) -> None:
        with suppress(Exception):  # a full disk, a folder that was removed
            write_progress(self._path, self.content())


def _seconds_before(path: Path) -> dict[str, float]:
    """Of each rule, how long a job took in the runs before this one."""
    with suppress(Exception):  # there was none, or it was killed while it wrote
        last = read_json(path)
        took = {name: rule["seconds"] / rule["done"] for name, rule in last["rules"].items() if rule["done"]}
        return last["before"] | took
    return {}
