"""A study whose networks are trained by two processes each: its results, one that is killed, and what is asked for."""

import json
import re

import pytest
from killed_ranks import LOG, WHOM, Long, ended, study

TWO = study("cpu")
LONG = Long("cpu")


@pytest.fixture(scope="module")
def uninterrupted(shared):
    def run(checkout):
        LONG.configure(checkout)
        LONG.run(checkout)

    return ended(shared("uninterrupted by two", run))


@pytest.mark.full
@pytest.mark.parametrize("whom", WHOM)
def test_what_is_killed_goes_on_to_the_same_bytes(fresh, uninterrupted, whom):
    LONG.configure(fresh)
    LONG.killed(fresh, whom)
    assert LONG.resumed(fresh) == uninterrupted


@pytest.mark.full
def test_a_study_says_how_many_computed_and_runs_once(fresh):
    fresh.configure(**TWO)
    fresh.run()
    for run in ("teachers/cnn", "alone/cnn_thin/0", "distilled/cnn/cnn_thin/kd/0"):
        metrics = json.loads((fresh.folder / "results/tiny" / run / "metrics.json").read_text())
        assert metrics["compute"]["ranks"] == 2
    text = (fresh.folder / LOG).read_text()
    assert len(re.findall("start: loss = CE", text)) == 1
    assert "2 processes" in text
    assert not fresh.pending()
    fresh.configure(**TWO | {"compute": {"device": "cpu"}})
    assert fresh.pending().keys() == {"build_report"}, "which shows the config"


def test_trainings_ask_for_as_many_gpus_and_cores(fresh):
    """What runs networks on one GPU asks for one."""
    compute = {"device": "cuda", "gpus_per_job": 3, "threads": 2}
    fresh.configure(**TWO | {"compute": compute, "diagnostics": {"cka": True}})
    text = fresh.run("--dry-run", "--cores", "12", "--resources", "gpu=6")
    jobs = dict(re.findall(r"(?m)^(?:local)?rule (\w+):\n((?:    .*\n)*)", text))
    for rule in ("train_teacher", "train_baseline", "distill_student", "cache_targets"):
        assert "gpu=3" in jobs[rule], rule
        assert re.search(r"threads: (6|12)\b", jobs[rule]), rule
    for rule in ("measure_fidelity", "compare_feature_maps"):
        assert "gpu=1" in jobs[rule], rule
