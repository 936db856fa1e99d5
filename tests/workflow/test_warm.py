"""Snakemake and jobs that start warm, as most tests start them, do what they do when they start as for a user."""

import re
from dataclasses import replace

import pytest

MODEL = "results/tiny/alone/cnn/0/model.safetensors"
PLANS = {"everything": ["--dry-run"], "a bad config": ["--config", "seeds=[]"]}


def words(text: str) -> list[str]:
    """The words of an output, in any order, but for the time and the number of a run."""
    text = re.sub(r"Workflow ID: \S+", "", re.sub(r"\d\d:\d\d:\d\d", "", text))
    return sorted(re.sub("[,;]", " ", text).split())


@pytest.mark.full
@pytest.mark.parametrize("arguments", PLANS.values(), ids=PLANS)
def test_a_plan_is_the_same(fresh, arguments):
    warm, cold = fresh.snakemake(*arguments), replace(fresh, warm=False).snakemake(*arguments)
    assert warm.returncode == cold.returncode
    assert words(warm.stdout) == words(cold.stdout)
    assert words(warm.stderr) == words(cold.stderr)
    assert len(words(cold.stdout + cold.stderr)) > 10


@pytest.mark.full
def test_jobs_write_the_same_bytes_and_what_one_leaves_the_other_goes_on_from(fresh, finished_study):
    cold = replace(fresh, warm=False)
    cold.run(MODEL)
    for file in ("data/dataset.safetensors", "alone/cnn/0/model.safetensors", "alone/cnn/0/test_logits.npy"):
        ours, theirs = (checkout.folder / "results/tiny" / file for checkout in (finished_study, cold))
        assert ours.read_bytes() == theirs.read_bytes(), file
    assert fresh.pending(MODEL) == {}
    assert replace(finished_study, warm=False).pending() == {}


def test_a_failing_job_fails_the_run_and_says_why(fresh):
    fresh.configure(recipe={"epochs": 2, "batch_size": 64, "lr": 1e6})
    done = fresh.snakemake(MODEL)
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    *_, head, job, error, log, last = done.stderr.splitlines()
    assert head.startswith("1 of 2 jobs failed after")
    assert job == "  train_baseline  cnn, seed 0"
    assert error.startswith("    error: the ")
    assert log == "    log: results/tiny/logs/train_baseline/cnn/0.log"
    assert last == "Finished jobs are kept. To continue, run the same command."
