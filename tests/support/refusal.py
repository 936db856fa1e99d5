"""What every bad input has to meet: its message once, a failure, and nothing that looks like a result."""

import os
import re
from collections.abc import Collection, Iterable
from pathlib import Path

from checkout import Checkout

PREPARED = ("tiny/data/dataset.safetensors", "tiny/data/notes.json", "tiny/benchmarks/prepare_data.tsv")
UNWATCHED = {"results", ".snakemake", "__pycache__"}  # what is below results is looked at by itself
# What a failure may leave there.
UNFINISHED = re.compile(
    r"tiny/logs/.*\.log|tiny/progress/study\.json|_downloads/cifar10/\.[^/]+\.part|_downloads/mini_open_images/fetched/.*"
)


def refused(
    checkout: Checkout,
    *arguments: str,
    says: Iterable[str],
    config: str | None = "study.yaml",
    made: Collection[str] = (),
) -> str:
    """Run Snakemake, which has to fail with exactly the messages `says`, in any order; returns its output.

    Each begins one line; "…" in it stands for anything. `made` are the files below results/ of jobs that
    had every right to succeed before.
    """
    before = _everything(checkout.folder.parent)
    done = checkout.snakemake(*arguments, config=config)
    output = done.stdout + done.stderr
    assert done.returncode != 0, output
    if "--verbose" not in arguments:
        assert "Traceback (most recent call last)" not in output, output
    patterns = [re.escape(text).replace("…", ".*") for text in says]
    lines = messages(output)
    assert len(lines) == len(patterns), output
    for pattern in patterns:
        meant = [line for line in lines if re.match(pattern, line)]
        assert len(meant) == 1, f"{pattern} begins {len(meant)} of {lines}\n{output}"
    assert _everything(checkout.folder.parent) == before
    assert _results(checkout) == set(made), output
    return output


def messages(output: str) -> list[str]:
    """The messages to the user: all mistakes of a config, or what ended a job, or Snakemake's own sentence.

    A job's message comes when it is logged, and again when Snakemake shows the job's log: that is one.
    """
    if config := re.search(r"^The config is not valid\.\n(.*?)\n  File \"", output, re.MULTILINE | re.DOTALL):
        return config[1].splitlines()
    if jobs := re.findall(r"^\d\d:\d\d:\d\d error: (.*)", output, re.MULTILINE):
        assert len(jobs) <= 2, output
        return sorted(set(jobs))
    return re.findall(r"^WorkflowError.*:\n(.*)", output, re.MULTILINE)


def _everything(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file and link below `folder` with its size and time: what must not change by a refusal."""
    snapshot = {}
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in UNWATCHED]
        for path in (Path(root, name) for name in (*folders, *files)):
            stat = path.lstat()
            snapshot[str(path)] = (0, 0) if path.is_dir() else (stat.st_size, stat.st_mtime_ns)
    return snapshot


def _results(checkout: Checkout) -> set[str]:
    results = checkout.folder / "results"
    files = {path.relative_to(results).as_posix() for path in results.rglob("*") if not path.is_dir()}
    return {file for file in files if not UNFINISHED.fullmatch(file)}
