"""What Snakemake itself costs: the default study, run in a copy of the workflow, and plans of large ones."""

import csv
import json
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from bench.checkout import copy_checkout, snakemake
from bench.dry_runs import dry_runs
from bench.first_step import first_steps
from bench.interleave import tell
from kd.runtime.hardware import cpu_count, has_gpu


def measure(
    cores: int | None = None, jobs: Sequence[int] = (100, 1000, 10_000), repeats: int = 3, study: bool = True
) -> Iterator[dict[str, Any]]:
    """Rows for the default study (see `summarise`), its jobs' start, and a dry run of each size in `jobs`.

    `cores` are those passed to Snakemake, by default all. Raises UserError with Snakemake's last words if it
    fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        checkout = Path(folder) / "checkout"
        copy_checkout(checkout)
        if study:
            yield _run_default_study(checkout, cores or cpu_count())
            yield first_steps(checkout, Path(folder) / "first_steps", repeats)
        yield from dry_runs(checkout, jobs, repeats)


def _run_default_study(checkout: Path, cores: int) -> dict[str, Any]:
    tell("workflow", f"the default study on {cores} cores, which takes minutes")
    wall, _ = snakemake(checkout, "--cores", str(cores), "--resources", "gpu=1", watch=_tell_steps)
    # With gpu=1 a GPU does one job at a time; on CPUs each of the cores that exist does one.
    slots = 1 if has_gpu() else min(cores, cpu_count())
    tell("workflow", f"the default study took {wall:.0f} s")
    return {"what": "default study", "cores": cores} | summarise(checkout / "results" / "digits", wall, slots)


def _tell_steps(line: str) -> None:
    """Pass on one in ten of the lines "[ 10/90] train_teacher …"."""
    if re.match(r"\[ *\d*0/\d+\]", line):
        tell("workflow", line.strip())


def summarise(results: Path, wall: float, slots: int) -> dict[str, Any]:
    """Where the time of a finished study went, in seconds; `slots` is how many jobs could run at once.

    "job_seconds" sums the column `s` of the `jobs` benchmark files: the life of a job's script process, from
    the start of Python on. "training_seconds" are those in training epochs, from the histories, and
    "start_seconds" what a training takes before its main function: Python and its imports (the median).
    "overhead" = slots · wall - job_seconds: Snakemake's own start, what it does between jobs, jobs without
    a benchmark file, and slots that stand idle because what the next jobs need is not there yet. It is also
    stated per job and as a share of slots · wall. "no_job" is the part of `wall` in which no job ran at all.
    """
    spans = _spans(results / "benchmarks")
    job_seconds = sum(end - start for start, end in spans)
    overhead = slots * wall - job_seconds
    return {
        "slots": slots,
        "wall": wall,
        "jobs": len(spans),
        "job_seconds": job_seconds,
        "training_seconds": sum(map(_training_seconds, results.rglob("history.csv"))),
        "start_seconds": median(_start_seconds(results)),
        "no_job": wall - _covered(spans),
        "overhead": overhead,
        "overhead_per_job": overhead / len(spans),
        "overhead_share": overhead / (slots * wall),
    }


def _spans(benchmarks: Path) -> list[tuple[float, float]]:
    """When each job began and ended: a benchmark file is written as soon as its job has ended."""
    files = sorted(benchmarks.rglob("*.tsv"))
    return [(file.stat().st_mtime - _benchmark(file), file.stat().st_mtime) for file in files]


def _benchmark(file: Path) -> float:
    return float(_rows(file, delimiter="\t")[0]["s"])


def _training_seconds(history: Path) -> float:
    return sum(float(row["seconds"]) for row in _rows(history))


def _rows(file: Path, delimiter: str = ",") -> list[dict[str, str]]:
    with open(file, newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines, delimiter=delimiter))


def _start_seconds(results: Path) -> list[float]:
    """Of every training: the life of its process without its main function, which counts its own seconds."""
    rules = {"teachers": "train_teacher", "alone": "train_baseline", "distilled": "distill_student"}
    return [
        _benchmark(results / "benchmarks" / rule / f"{file.parent.relative_to(results / role)}.tsv")
        - json.loads(file.read_text(encoding="utf-8"))["seconds"]
        for role, rule in rules.items()
        for file in (results / role).rglob("metrics.json")
    ]


def _covered(spans: Sequence[tuple[float, float]]) -> float:
    """Length of the union of intervals."""
    covered, until = 0.0, float("-inf")
    for start, end in sorted(spans):
        covered += max(0.0, end - max(start, until))
        until = max(until, end)
    return covered
