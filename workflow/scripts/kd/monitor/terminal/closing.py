"""What Snakemake ends with: the result of a study, or the jobs that failed, in a few lines."""

import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kd.monitor.job_logs import last_error
from kd.monitor.progress import clock_time
from kd.monitor.status import Job, Study
from kd.roles import BASELINE_ROW, DISTILLED_STUDENT, MEAN, WITHOUT_TEACHER

CARD = "README.md"  # of an exported student
FEW = 5  # failed jobs that are shown with their errors


@dataclass(frozen=True)
class Ending:
    """A run of Snakemake that has ended.

    `folder`: of the study. `study`: as the run has left it, None where no job was to be done. `made`: the
    files of the jobs that were planned, those done before among them, by rule. `options`: of the command
    line, which the same study needs again. `reasons`: why jobs failed whose logs do not say so, by log.
    `best_card`: the model card of the most accurate student, where that is exported.
    """

    folder: Path
    study: Study | None
    made: Mapping[str, Sequence[str]]
    options: Sequence[str] = ()
    reasons: Mapping[str, str] = field(default_factory=dict)
    best_card: str = ""

    def lines(self) -> list[str]:
        """What is printed; nothing where nothing was to be done for a part of the study."""
        if self.study and self.study.phase == "failed":
            return self._failed(self.study)
        if self.study and self.study.phase != "done":
            return [
                f"Stopped after {_took(self.study)}: {self.study.done} of {self.study.jobs} jobs done. "
                "Run the same command to resume."
            ]
        return [*self._head(), *self._result(), *self._exports()]

    def _head(self) -> list[str]:
        whole = self._report() is not None
        if self.study is None:
            return [f'Study "{self.folder.name}" is complete.'] if whole else []
        jobs = f"{self.study.done} job{'s' * (self.study.done != 1)} in {_took(self.study)}"
        return [f'Study "{self.folder.name}" is complete: {jobs}.' if whole else f"Done: {jobs}."]

    def _report(self) -> Path | None:
        report = self.folder / "report.html"
        return report if "build_report" in self.made and report.is_file() else None

    def _result(self) -> list[str]:
        report = self._report()
        if report is None:
            return []
        opened = f"   open it: make open STUDY={self.folder.name}" if Path("Makefile").is_file() else ""
        command = shlex.join(["snakemake", "export", *self.options])
        measured: list[str] = []
        with suppress(Exception):  # a table that cannot be read must not hide the report
            measured = _measured(self.folder / "table.csv")
        return [
            *(f"  {line}" for line in measured),
            f"  Report   {report}{opened}",
            *([f"  Export   {command}"] if "export_student" not in self.made else []),
        ]

    def _exports(self) -> list[str]:
        files = self.made.get("export_student", ())
        cards = [file for file in files if Path(file).name == CARD and Path(file).is_file()]
        if not cards:
            return []
        best = Path(self.best_card if self.best_card in cards else cards[0]).parent
        where = f"{self.folder / 'export'}, {len(cards)} students" if len(cards) > 1 else best
        return [f"  Exported {where}", f"  Predict  python workflow/scripts/predict.py {best} image.png"]

    def _failed(self, study: Study) -> list[str]:
        count = len(study.failed)
        head = f"{count} of {study.jobs} jobs failed after {_took(study)}; {study.done} are done:"
        parts = [line for job in study.failed[:FEW] for line in self._failure(job)]
        if count > FEW:
            parts.append(f"  and {count - FEW} more; all: make watch STUDY={self.folder.name}")
        return [head, *parts, "Finished jobs are kept. To continue, run the same command."]

    def _failure(self, job: Job) -> list[str]:
        error = last_error(Path(job.log)) if job.log else ""
        error = error or self.reasons.get(job.log or "", "") or "there is no error in its log; see above"
        name = job.rule if job.label == job.rule else f"{job.rule}  {job.label}"
        return [f"  {name}", f"    {error}", f"    log: {job.log or 'none'}"]


def _took(study: Study) -> str:
    return clock_time((study.ended or study.updated) - study.started)


def _measured(table: Path) -> list[str]:
    """The mean gain of the best method, and the most accurate distilled student beside its baseline."""
    import pandas as pd  # by whoever plans a study as well, whom it would cost half a second

    from kd.results.format import interval, percent, signed
    from kd.results.table_csv import read_table

    rows = read_table(table)
    lines = []
    means = rows[(rows["role"] == MEAN) & rows["gain"].notna()]
    if len(means):
        best = means.loc[means["gain"].idxmax()]
        half = best.gain_ci95
        ends = f"95 % CI {interval(best.gain, half)}" if pd.notna(half) else "one seed, no interval"
        of = f", the highest of {len(means)} methods" if len(means) > 1 else ""
        gain = f"{signed(best.gain)} percentage points of test accuracy"
        lines.append(f"Mean gain of {best.method}: {gain}, {ends}{of}")
    students = rows[(rows["role"] == DISTILLED_STUDENT) & rows["test_accuracy"].notna()]
    if len(students):
        best = students.loc[students["test_accuracy"].idxmax()]
        baselines = rows[(rows["role"] == BASELINE_ROW) & (rows["name"] == best["name"])]
        baseline = "".join(f"baseline {percent(value)}, " for value in baselines["test_accuracy"])
        lines.append(
            f"Most accurate distilled student: {_title(best)}, {percent(best.test_accuracy)}"
            f" ({baseline}{best.parameters:,} parameters)"
        )
    return lines


def _title(row: Any) -> str:
    pair = row["name"] if row.teacher == WITHOUT_TEACHER else f"{row.teacher} -> {row['name']}"
    return f"{pair}, {row.method}"
