"""What Snakemake prints while it runs a study: a live view on a terminal, elsewhere a line per finished job.

A handler of Snakemake's own log, like kd.monitor.recorder. Snakemake's handler for the terminal is filtered:
its lists of files are in .snakemake/log, and all lines of a job are in the job's log. Warnings and errors are
shown. Where anything here fails, Snakemake prints its own lines again.
"""

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from kd.monitor.facts import JobFacts
from kd.monitor.recorder import Recorder
from kd.monitor.status import Study, study_of
from kd.monitor.terminal.closing import Ending
from kd.monitor.terminal.display import Display
from kd.monitor.terminal.lines import failed_line, finished_line
from kd.monitor.terminal.screen import Screen

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
    `options` are those that the same study needs again on the command line. `best_card` returns the model
    card of the most accurate student; it may raise.
    """

    folder: Path  # of the study
    executes: Callable[[], bool]
    made: Callable[[], Mapping[str, Sequence[str]]]
    stderr_of_jobs: Callable[[str], None]
    options: Sequence[str] = ()
    best_card: Callable[[], str] = str


class RunOutput(logging.Handler):
    """Prints on `screen` what `recorder`, which gets each record first, has taken in.

    `replacing`: it prints instead of Snakemake's handler for the terminal, and not the closing lines alone.
    `quiet`: without the view and lines on jobs. `foreign` formats Snakemake's own records.
    """

    def __init__(
        self,
        recorder: Recorder,
        workflow: Workflow,
        screen: Screen,
        foreign: logging.Formatter,
        *,
        replacing: bool = True,
        quiet: bool = False,
    ) -> None:
        super().__init__()
        self._recorder, self._workflow, self._foreign = recorder, workflow, foreign
        self._replacing = replacing
        self._display = Display(screen, workflow.folder, self._study, quiet)
        self._began = self._nothing = self._broken = self._closed = False
        self._error = False  # that ends the run; what is followed by another job does not
        self._jobs: dict[int, tuple[JobFacts, Sequence[str]]] = {}  # that run, with their outputs
        self._exits: dict[int | None, str] = {}  # how processes of jobs ended, by the thread that reports it
        self._reasons: dict[str, str] = {}  # why jobs failed, by their logs

    def replaces(self, record: logging.LogRecord) -> bool:
        """Whether Snakemake's own handler for the terminal leaves `record` to this one."""
        if not self._replacing or self._broken:
            return False
        first = getattr(record, "event", None) == "workflow_started" or str(record.msg).startswith(BEFORE)
        return self._runs_jobs(first)

    def emit(self, record: logging.LogRecord) -> None:
        """Take in a record; called by Snakemake, which must not notice it."""
        try:
            self._take_in(getattr(record, "event", None), record)
        except Exception:
            self._broken = True
            self._display.end_view()

    def close(self) -> None:
        """Called when Snakemake ends, however it does, unless it is killed."""
        if not self._closed:
            self._closed = True
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
        self._error = event == "error" or (self._error and event not in ("job_info", "job_finished"))
        if not self._replacing or self._broken:
            return
        if event == "job_started":
            self._display.begin(self._workflow.stderr_of_jobs)
        elif event == "job_info":
            log = next((str(path) for path in record.log or ()), None)
            wildcards = {name: str(value) for name, value in (record.wildcards or {}).items()}
            facts = JobFacts(rule=record.rule_name, wildcards=wildcards, log=log, started=record.created)
            self._jobs[record.jobid] = facts, list(record.output or ())
        elif event == "job_finished" and (job := self._jobs.pop(record.job_id, None)):
            if (study := self._counts()) and job[0].rule in study.rules:
                self._display.say_of_job(finished_line(study, *job, record.created - job[0].started))
        elif event == "job_error":
            self._take_error(record)
        elif _EXIT.search(text):
            self._exits[record.thread] = _how(text)
        elif text.startswith(SHOWN) or (record.levelno >= logging.WARNING and not text.startswith(REPLACED)):
            self._display.say(self._foreign.format(record))

    def _take_error(self, record: logging.LogRecord) -> None:
        how = self._exits.pop(record.thread, "") or str(record.rule_msg or "")
        facts, _ = self._jobs.pop(record.jobid, (None, ()))
        if facts is None or (study := self._counts()) is None:
            self._display.say(self._foreign.format(record))
            return
        self._reasons[facts.log or ""] = how
        self._display.say_of_job(failed_line(study, facts))

    def _study(self) -> Study | None:
        """The study with how far its jobs are, of each of which a file is read."""
        content = self._recorder.content()
        return study_of(self._workflow.folder, content) if content else None

    def _counts(self) -> Study | None:
        """The study without its jobs: Snakemake does not wait for a disk."""
        content = self._recorder.content()
        return study_of(self._workflow.folder, content | {"running": [], "failed": []}) if content else None

    def _end(self) -> None:
        self._display.close()
        if not self._runs_jobs():
            return
        study = self._study()
        # A checkpoint may leave fewer jobs than were planned.
        if study and study.phase == "stopped" and not study.running and not self._error:
            study = replace(study, phase="done")
        if study or self._nothing:
            about = self._workflow
            ending = Ending(
                about.folder, study, about.made(), about.options, self._reasons, self._best_card()
            )
            for line in ending.lines():
                self._display.say(line)

    def _best_card(self) -> str:
        with suppress(Exception):  # the study has no table yet
            return self._workflow.best_card()
        return ""


def _how(text: str) -> str:
    """How a job's process ended that left no error in its log."""
    found = _EXIT.search(text)
    if found["signal"]:
        return f"the job was ended by the signal {found['signal']} (SIGKILL: memory may have run out)"
    return f"the job ended with status {found['status']}; see its lines on stderr above"
