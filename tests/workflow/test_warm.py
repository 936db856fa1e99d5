"""Snakemake and jobs that start warm, as most tests start them, do what they do when they start as for a user."""

import re
from dataclasses import replace

import pytest

MODEL = "results/tiny/alone/cnn/0/model.safetensors"
PLANS = {
    "everything": ["--dry-run"],
    "a bad config": ["--config", "seeds=[]"],
    "an unknown target": ["--dry-run", "nothing"],
}


def words(text: str) -> list[str]:
    """All that is said, in any order, but for the time and the number of a run."""
    return sorted(re.sub(r"(?m)^\[.*\d\d:\d\d.*\]$|Workflow ID: \S+", "", text).replace(",", " ").split())


@pytest.mark.parametrize("arguments", PLANS.values(), ids=PLANS)
def test_a_plan_is_the_same(fresh, arguments):
    warm, cold = fresh.snakemake(*arguments), replace(fresh, warm=False).snakemake(*arguments)
    assert warm.returncode == cold.returncode
    assert words(warm.stdout) == words(cold.stdout)
    assert words(warm.stderr) == words(cold.stderr)
    assert len(words(cold.stdout + cold.stderr)) > 10


def test_a_job_writes_the_same_bytes_and_what_it_leaves_is_what_a_cold_start_has_done(fresh, finished_study):
    fresh.run(MODEL)
    for file in ("data/dataset.safetensors", "alone/cnn/0/model.safetensors", "alone/cnn/0/test_logits.npy"):
        warm, cold = (checkout.folder / "results/tiny" / file for checkout in (fresh, finished_study))
        assert warm.read_bytes() == cold.read_bytes(), file
    assert replace(fresh, warm=False).pending(MODEL) == {}


def test_a_failing_job_fails_the_run_and_says_why(fresh):
    fresh.configure(compute={"device": "cpu"}, recipe={"epochs": 2, "batch_size": 64, "lr": 1e9})
    done = fresh.snakemake(MODEL)
    assert done.returncode == 1
    assert " error: the " in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
