"""A study on the terminal: done, running with epoch, accuracy and time left, waiting, failed."""

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from kd.live.duration import duration
from kd.live.estimate import Estimate, estimate
from kd.live.state import RunningJob, Study

NARROW = 64  # columns below which a job takes two lines
FEWEST = 3  # running jobs that are shown, however low the terminal
OTHER_LINES = 14  # of the view, about


class View:
    """Draws `study` as it is `now` (seconds since 1970), in as many lines as the terminal has, or `all`."""

    def __init__(self, study: Study, logs: str, now: float, everything: bool = False) -> None:
        self._study, self._logs, self._now, self._everything = study, logs, now, everything

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        study = self._study
        yield Text(f"{study.name}: {study.done} of {study.jobs} jobs done", "bold")
        yield Text(sentence(study, estimate(study, self._now), self._now), _STYLES.get(study.phase, ""))
        bar = Table.grid(expand=True)  # which ends its line
        bar.add_row(ProgressBar(total=max(1, study.jobs), completed=study.done))
        yield bar
        most = len(study.running) if self._everything else max(FEWEST, options.size.height - OTHER_LINES)
        if study.running and study.ended is None:
            yield from _section(f"running ({len(study.running)})", self._jobs(options.max_width, most))
            if len(study.running) > most:
                yield Text(f"  and {len(study.running) - most} more")
        if study.waiting:
            counts = ", ".join(f"{count} {rule}" for rule, count in study.waiting.items())
            yield from _section("waiting" if study.ended is None else "not begun", _indented(counts))
        if study.failed:
            lines = [_indented(f"{job.label}\n{job.log or 'no log'}") for job in study.failed]
            yield from _section(f"failed ({len(study.failed)})", Group(*lines), "bold red")
        yield from _section("logs", _indented(self._logs))

    def _jobs(self, width: int, most: int) -> RenderableType:
        jobs = self._study.running[:most]
        if width < NARROW:
            return Group(
                *(part for job in jobs for part in (Text(f"  {job.label}"), self._line([job], width)))
            )
        return self._line(jobs, width, labels=True)

    def _line(self, jobs: list[RunningJob], width: int, labels: bool = False) -> Table:
        table = Table.grid(padding=(0, 1), expand=labels)
        table.add_column(width=1 if labels else 3)
        if labels:
            table.add_column(ratio=1, overflow="ellipsis", no_wrap=True)
        table.add_column(justify="right", no_wrap=True)  # epoch
        table.add_column(width=min(16, width // 5))
        table.add_column(justify="right", no_wrap=True, min_width=7)  # accuracy
        table.add_column(justify="right", no_wrap=True, min_width=7)  # time left
        for job in jobs:
            table.add_row("", *([job.label] if labels else []), *self._cells(job))
        return table

    def _cells(self, job: RunningJob) -> tuple[RenderableType, ...]:
        epoch = f"{job.epoch}/{job.epochs}" if job.epochs else ""
        bar = ProgressBar(total=1.0, completed=job.share) if job.share is not None else ""
        accuracy = f"{job.accuracy:.1f} %" if job.accuracy is not None else ""
        if job.silent is not None:
            return epoch, bar, accuracy, Text(f"silent for {duration(job.silent)}", "yellow")
        if job.left is not None:
            return epoch, bar, accuracy, f"{duration(job.left)} left"
        return epoch, bar, accuracy, f"for {duration(self._now - job.started)}"


_STYLES = {"failed": "red", "killed": "red", "stopped": "yellow", "silent": "yellow", "done": "green"}


def sentence(study: Study, left: Estimate, now: float) -> str:
    """How the study stands."""
    took = duration((study.ended or now) - study.started)
    since = duration(now - study.updated)
    if study.phase == "running":
        return f"running for {took}, {_words(left)}"
    failures = f"{len(study.failed)} job{'s' * (len(study.failed) != 1)} failed"
    return {
        "done": f"done in {took}",
        "failed": f"ended after {took}, {failures}",
        "stopped": f"stopped after {took}; the same command goes on",
        "killed": f"Snakemake was killed {since} ago; snakemake --unlock, then the same command",
        "silent": f"nothing heard of Snakemake for {since}",
    }[study.phase]


def _words(left: Estimate) -> str:
    if left.seconds is None:
        return "time left: ?"
    return f"{'at least' if left.unknown else 'about'} {duration(left.seconds)} left"


def _section(title: str, content: RenderableType, style: str = "bold") -> RenderResult:
    yield Text()
    yield Text(title, style)
    yield content


def _indented(text: str) -> Table:
    table = Table.grid()
    table.add_column(width=2)
    table.add_column(overflow="fold")
    table.add_row("", Text(text, overflow="fold"))
    return table
