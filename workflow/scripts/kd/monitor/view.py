"""A study on the terminal: done, running with epoch, accuracy and time left, waiting, failed."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from textwrap import wrap

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from kd.monitor.estimate import estimate, sentence
from kd.monitor.progress import clock_time
from kd.monitor.status import Job, Study

NARROW = 64  # columns below which a job takes two lines
FEWEST = 3  # jobs that are shown of those running and of those failed, however low the terminal
PATIENCE = 3.0  # seconds after which a job that does not tell how far it is shows the last line of its log
OTHER_LINES = 13  # of the view, about
BAR = 12  # columns of a job's bar, at most


class View:
    """Draws `study`, of `folder`, as it is `now` (seconds since 1970): in as many lines as the terminal has,
    or `everything`.
    """

    def __init__(self, study: Study, folder: Path, now: float, everything: bool = False) -> None:
        self._study, self._folder, self._now, self._everything = study, folder, now, everything

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        study, width = self._study, options.max_width
        of_run = " of this run" if study.before else ""  # where others have done jobs before it
        yield Text(f"{study.name}: {study.done} of {study.jobs} jobs{of_run} done", "bold")
        yield Text(sentence(study, estimate(study, self._now), self._now), _STYLES.get(study.phase, ""))
        bar = Table.grid(expand=True)  # which ends its line
        bar.add_row(ProgressBar(total=max(1, study.jobs), completed=study.done))
        yield bar
        failed, running = self._fitting(options.size.height, width)
        if running:
            title = f"{_RUNNING.get(study.phase, 'cut off')} ({len(study.running)})"
            hidden = len(study.running) - running
            yield from _section(title, self._jobs(study.running[:running], width), hidden=hidden)
        if study.waiting:
            title = "waiting" if study.ended is None else "not begun"
            yield from _section(title, _counts(study.waiting, width))
        if failed:
            lines = [_indented(_failure(job)) for job in study.failed[:failed]]
            title, hidden = f"failed ({len(study.failed)})", len(study.failed) - failed
            yield from _section(title, Group(*lines), "bold red", hidden)
        yield from _section("logs", _indented(str(self._folder / "logs")))
        report = self._folder / "report.html"
        if study.phase == "done" and report.is_file():
            yield from _section("report", _indented(str(report)))

    def _fitting(self, height: int, width: int) -> tuple[int, int]:
        """How many failed and running jobs are shown; the failed ones, two lines each, on half of them."""
        study = self._study
        if self._everything:
            return len(study.failed), len(study.running)
        lines = height - OTHER_LINES - len({job.rule for job in study.running}) - (3 if study.failed else 0)
        failed = min(len(study.failed), max(FEWEST, lines // 4))
        left = (lines - 2 * failed) // (2 if width < NARROW else 1)
        return failed, min(len(study.running), max(FEWEST, left))

    def _jobs(self, jobs: Sequence[Job], width: int) -> RenderableType:
        """Under their rules; a job in two lines where the terminal is narrow."""
        parts: list[RenderableType] = []
        for rule, group in groupby(sorted(jobs, key=lambda job: job.rule), lambda job: job.rule):
            of_rule = list(group)
            if any(job.label != rule for job in of_rule):
                parts.append(Text(f"  {rule}", "dim"))
            quiet = [job for job in of_rule if self._note(job)]
            others = [job for job in of_rule if job not in quiet]
            if width < NARROW:
                parts += [part for job in others for part in (_indent(job), self._line([job], width))]
                parts += [part for job in quiet for part in (_indent(job), self._noted([job]))]
            else:
                parts += [self._line(others, width, labels=True)] * bool(others)
                parts += [self._noted(quiet, labels=True)] * bool(quiet)
        return Group(*parts)

    def _note(self, job: Job) -> str:
        """What the job says last, where it does not tell how far it is."""
        return job.note if self._study.phase == "running" and self._now - job.started > PATIENCE else ""

    def _noted(self, jobs: Sequence[Job], labels: bool = False) -> Table:
        table = Table.grid(padding=(0, 1), expand=True)
        for share in (1, 2):
            table.add_column(ratio=share, overflow="ellipsis", no_wrap=True)
        table.add_column(justify="right", no_wrap=True, min_width=9)
        for job in jobs:
            table.add_row(_indent(job) if labels else "", Text(self._note(job), "dim"), self._time(job))
        return table

    def _line(self, jobs: Sequence[Job], width: int, labels: bool = False) -> Table:
        table = Table.grid(padding=(0, 1), expand=labels)
        label = {"ratio": 1, "overflow": "ellipsis", "no_wrap": True} if labels else {"width": 4}
        table.add_column(**label)
        table.add_column(justify="right", no_wrap=True, min_width=5)  # epoch
        table.add_column(width=min(BAR, width // 5))
        table.add_column(justify="right", no_wrap=True, min_width=7)  # accuracy
        table.add_column(justify="right", no_wrap=True, min_width=9)  # time left
        for job in jobs:
            epoch = f"{job.epoch}/{job.epochs}" if job.epochs else ""
            bar = ProgressBar(total=1.0, completed=job.share) if job.share is not None else ""
            accuracy = f"{job.accuracy:.1f} %" if job.accuracy is not None else ""
            table.add_row(_indent(job) if labels else "", epoch, bar, accuracy, self._time(job))
        return table

    def _time(self, job: Job) -> RenderableType:
        if self._study.phase != "running":  # it may have ended since
            return ""
        if job.silent is not None:
            return Text(f"silent for {clock_time(job.silent)}", "yellow")
        if job.left is not None:
            return f"{clock_time(job.left)} left"
        return f"for {clock_time(self._now - job.started)}"


_HEARD = "were running at the last update"
_RUNNING = {"running": "running", "silent": _HEARD, "killed": _HEARD}
_STYLES = {"failed": "red", "killed": "red", "stopped": "yellow", "silent": "yellow", "done": "green"}


def _indent(job: Job) -> RenderableType:
    return _indented(job.label, 2 if job.label == job.rule else 4)


def _failure(job: Job) -> str:
    name = job.rule if job.label == job.rule else f"{job.rule}: {job.label}"
    return f"{name}\n{job.log or 'no log'}"


def _section(title: str, content: RenderableType, style: str = "bold", hidden: int = 0) -> RenderResult:
    yield Text()
    yield Text(title, style)
    yield content
    if hidden:
        yield Text(f"  and {hidden} more")


def _counts(counts: Mapping[str, int], width: int) -> RenderableType:
    """Such as "3 train_teacher, 5 distill_student", broken between them only."""
    text = ", ".join(f"{count}\N{NO-BREAK SPACE}{name}" for name, count in counts.items())
    lines = wrap(text, max(1, width - 2), break_long_words=False, break_on_hyphens=False)
    return Group(*(_indented(line.replace("\N{NO-BREAK SPACE}", " ")) for line in lines))


def _indented(text: str, columns: int = 2) -> RenderableType:
    return Padding(Text(text, overflow="fold"), (0, 0, 0, columns), expand=False)
