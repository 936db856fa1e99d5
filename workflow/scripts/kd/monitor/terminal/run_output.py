"""What Snakemake prints while it runs a study: a live view on a terminal, elsewhere a line per finished job.

A handler of Snakemake's own log, like kd.monitor.recorder. Snakemake's handler for the terminal is filtered:
its lists of files are in .snakemake/log, and all lines of a job are in the job's log. Warnings and errors are
shown. Where anything here fails, Snakemake prints its own lines again.
"""

import logging
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kd.monitor.facts import JobFacts
from kd.monitor.recorder import Recorder
from kd.monitor.status import Study, study_of
from kd.monitor.terminal.closing import Ending
from kd.monitor.terminal.job_stderr import JobStderr
from kd.monitor.terminal.lines import failed_line, finished_line, start_line, status_line
from kd.monitor.terminal.screen import Screen
from kd.monitor.view import View

EVERY = 1.0  # seconds between two views
SILENCE = (60.0, 600.0)  # seconds without a line before one says how far the study is: at first, at most
NOTHING = "Nothing to be done"
# Of Snakemake's sentences at the level INFO, those that are shown.
SHOWN = (NOTHING, "Building DAG", "Will exit after", "Terminating processes", "Trying to restart job")
BEFORE = "Assuming unrestricted shared filesystem"  # which comes before the event that a run has begun
# Of its errors, those that the closing lines replace.
REPLACED = ("Exiting because a job execution failed", "WorkflowError:\nAt least one job did not complete")
_EXIT = re.compile(
    r"(?s)CalledProcessError.*(?:exit status (?P<status>\d+)|died with <Signals\.(?P<signal>\w+))"
)


@dataclass(frozen=True)
class Workflow:
    """What is known of a run beside its log.

    `executes` says whether jobs are really run: not in a dry run, nor with --touch. `made` returns the files
    of all planned jobs by rule. `stderr_of_jobs` puts a command before those of the jobs of this machine.
    `options` are those that the same study needs again on the command line.
    """

    folder: Path  # of the study
    executes: Callable[[], bool]
    made: Callable[[], Mapping[str, Sequence[str]]]
    stderr_of_jobs: Callable[[str], None]
    options: Sequence[str] = ()


class RunOutput(logging.Handler):
    """Prints on `screen` what `recorder`, which gets each record first, has taken in.

    `jobs`: whether the view or lines of jobs are printed, and not the closing lines alone. `foreign` formats
    Snakemake's own records.
    """

    def __init__(
        self, recorder: Recorder, workflow: Workflow, screen: Screen, jobs: bool, foreign: logging.Formatter
    ) -> None:
        super().__init__()
        self._recorder, self._workflow, self._screen, self._shows_jobs = recorder, workflow, screen, jobs
        self._foreign = foreign
        self._began = self._nothing = self._broken = False
        self._jobs: dict[int, tuple[JobFacts, Sequence[str]]] = {}  # that run, with their outputs
        self._exits: dict[
            int | None, str
        ] = {}  # how the process of a job ended, by the thread that reports it
        self._reasons: dict[str, str] = {}
        self._stderr: JobStderr | None = None
        self._said, self._pause = time.monotonic(), SILENCE[0]
        self._ending = threading.Event()
        self._ticker: threading.Thread | None = None

    def replaces(self, record: logging.LogRecord) -> bool:
        """Whether Snakemake's own handler for the terminal leaves `record` to this one."""
        if not self._shows_jobs or self._broken:
            return False
        first = getattr(record, "event", None) == "workflow_started" or str(record.msg).startswith(BEFORE)
        return self._runs_jobs(first)

    def emit(self, record: logging.LogRecord) -> None:
        """Take in a record; called by Snakemake, which must not notice it."""
        try:
            self._take_in(getattr(record, "event", None), record)
        except Exception:
            self._broken = True
            self._screen.close()

    def close(self) -> None:
        """Called when Snakemake ends, however it does, unless it is killed."""
        if not self._ending.is_set():
            self._ending.set()
            with suppress(Exception):
                self._end()
        super().close()

    def _runs_jobs(self, first: bool = False) -> bool:
        try:
            return (first or self._began) and self._workflow.executes()
        except Exception:
            return False

    def _take_in(self, event: str | None, record: logging.LogRecord) -> None:
        self._began = self._began or event == "workflow_started"
        if not self._runs_jobs():
            return
        text = record.getMessage() if event in (None, "error") and record.msg else ""
        self._nothing = self._nothing or text.startswith(NOTHING)
        if not self._shows_jobs:
            return
        if event == "job_started" and self._ticker is None:
            self._begin()
        elif event == "job_info":
            log = next((str(path) for path in record.log or ()), None)
            wildcards = {name: str(value) for name, value in (record.wildcards or {}).items()}
            facts = JobFacts(rule=record.rule_name, wildcards=wildcards, log=log, started=record.created)
            self._jobs[record.jobid] = facts, list(record.output or ())
        elif event == "job_finished" and (job := self._jobs.pop(record.job_id, None)):
            if (study := self._study()) and job[0].rule in study.rules:
                self._line_of_job(finished_line(study, *job, record.created - job[0].started))
        elif event == "job_error":
            self._take_error(record)
        elif _EXIT.search(text):
            self._exits[record.thread] = _how(text)
        elif text.startswith(SHOWN) or (record.levelno >= logging.WARNING and not text.startswith(REPLACED)):
            self._say(self._foreign.format(record))

    def _take_error(self, record: logging.LogRecord) -> None:
        how = self._exits.pop(record.thread, "") or str(record.rule_msg or "")
        facts, _ = self._jobs.pop(record.jobid, (None, ()))
        if facts is None or (study := self._study()) is None:
            self._say(self._foreign.format(record))
            return
        self._reasons[facts.log or ""] = how
        self._line_of_job(failed_line(study, facts))

    def _begin(self) -> None:
        study = self._study()
        if study is None:
            return
        with suppress(OSError):  # without a pipe jobs write to the terminal themselves
            self._stderr = JobStderr(self._say)
            self._workflow.stderr_of_jobs(self._stderr.shell_prefix)
        if not self._screen.live:
            self._say(start_line(study, self._workflow.folder))
        self._ticker = threading.Thread(target=self._tick, daemon=True, name="run output")
        self._ticker.start()

    def _study(self) -> Study | None:
        content = self._recorder.content()
        return study_of(self._workflow.folder, content) if content else None

    def _say(self, text: str) -> None:
        self._said = time.monotonic()
        self._screen.line(text)

    def _line_of_job(self, text: str) -> None:
        self._pause = SILENCE[0]
        if not self._screen.live:
            self._say(text)

    def _tick(self) -> None:
        while not self._ending.wait(EVERY):
            with suppress(Exception):
                study = self._study()
                if self._screen.live:
                    self._screen.view(View(study, self._workflow.folder, time.time()))
                elif time.monotonic() - self._said > self._pause:
                    self._pause = min(SILENCE[1], 2 * self._pause)
                    self._say(status_line(study, time.time()))

    def _end(self) -> None:
        if self._ticker:
            self._ticker.join(timeout=10)
        if self._stderr:
            self._stderr.close()
        self._screen.close()
        if not self._runs_jobs():
            return
        study = self._study()
        if study or self._nothing:
            made = self._workflow.made()
            ending = Ending(self._workflow.folder, study, made, self._workflow.options, self._reasons)
            for line in ending.lines():
                self._screen.line(line)


def _how(text: str) -> str:
    """How a job's process ended that left no error in its log."""
    found = _EXIT.search(text)
    if found["signal"]:
        return f"the job was ended by the signal {found['signal']} (SIGKILL: memory may have run out)"
    return f"the job ended with status {found['status']}; see its lines on stderr above"
