"""How long Snakemake plans studies of many jobs."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.checkout import TAIL, snakemake
from bench.interleave import rounds, tell
from bench.statistics import stat
from kd.errors import UserError

# Two teachers and two students: eight jobs for each seed (targets, baselines, distilled students), beside 23
# (fifteen of which are for diagnoses).
JOBS_PER_SEED, OTHER_JOBS = 8, 23
LARGE = {
    "study": "large",
    "dataset": {"name": "digits"},
    "teachers": {"vgg16": {"width": 0.25}, "resnet18": {"width": 0.25}},
    "students": {"cnn": {"channels": [8]}, "cnn_thin": {"architecture": "cnn", "channels": [4]}},
    "methods": {"kd": {}},
}


def dry_runs(checkout: Path, sizes: Sequence[int], repeats: int) -> Iterator[dict[str, Any]]:
    """Seconds that `snakemake -n` takes to plan studies of about these sizes.

    The first run of each, which also fills the caches, is quiet and says how many jobs there are.
    """
    rows = {_write_config(checkout, size): {} for size in sizes}
    for config, row in rows.items():
        tell("dry runs", f"warm-up, {config}")
        _, text = _dry_run(checkout, config, "--quiet", "rules")
        row |= {"what": "dry run", "jobs": count_jobs(text), "quiet_lines": len(text.splitlines())}
    seconds: dict[str, list[float]] = {config: [] for config in rows}
    for repetition in rounds("dry runs", repeats):
        for config, row in rows.items():
            tell("dry runs", f"{repetition}, {row['jobs']} jobs")
            seconds[config].append(_dry_run(checkout, config)[0])
    for config, row in rows.items():
        yield row | {"seconds": stat(seconds[config])}


def _write_config(checkout: Path, size: int) -> str:
    """Write the config of a study of about `size` jobs; its name."""
    seeds = max(1, round((size - OTHER_JOBS) / JOBS_PER_SEED))
    name = f"large_{size}.json"
    (checkout / name).write_text(json.dumps(LARGE | {"seeds": list(range(seeds))}), encoding="utf-8")
    return name


def _dry_run(checkout: Path, config: str, *more: str) -> tuple[float, str]:
    return snakemake(checkout, "--dry-run", "--cores", "1", "--configfile", config, *more)


def count_jobs(text: str) -> int:
    """How many jobs a dry run would start: the last line of its own summary. UserError if it has none."""
    match = re.search(r"^total +(\d+)$", text, re.MULTILINE)
    if match is None:
        raise UserError(f"a dry run does not say how many jobs it would start:\n{text[-TAIL:]}")
    return int(match.group(1))
