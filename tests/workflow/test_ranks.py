"""A study whose networks are trained by two processes each: its results, one that is killed, and what is asked for."""

import csv
import json
import re
import subprocess
import time

import psutil
import pytest

MODEL = "results/tiny/teachers/cnn/model.safetensors"
LOG = "results/tiny/logs/train_teacher/cnn.log"
TWO = {
    "teachers": {"cnn": {"channels": [8, 8]}},
    "students": {"cnn_thin": {"architecture": "cnn", "channels": [4]}},
    "methods": {"kd": {}},
    "seeds": [0],
    "compute": {"device": "cpu", "checkpoint_seconds": 0.3, "gpus_per_job": 2},
}
LONG = TWO | {"recipe": {"epochs": 20, "batch_size": 16, "lr": 0.02}}


def history(checkout):
    with open(checkout.folder / "results/tiny/teachers/cnn/history.csv", newline="") as file:
        return [{k: v for k, v in row.items() if "second" not in k} for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def uninterrupted(shared):
    def run(checkout):
        checkout.configure(**LONG)
        checkout.run(MODEL)

    checkout = shared("uninterrupted by two", run)
    return (checkout.folder / MODEL).read_bytes(), history(checkout)


def ranks_of(process):
    """The processes that compute, in their order."""
    below = psutil.Process(process.pid).children(recursive=True)
    ranks = [child for child in below if "spawn_main" in " ".join(child.cmdline())]
    return sorted(ranks, key=lambda rank: rank.create_time())


@pytest.mark.full
@pytest.mark.parametrize("whom", ["a rank", "the job"])
def test_what_is_killed_goes_on_to_the_same_bytes(fresh, uninterrupted, whom):
    fresh.configure(**LONG)
    command = fresh.command(MODEL)
    process = subprocess.Popen(command, cwd=fresh.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    deadline = time.monotonic() + 180
    while not list((fresh.folder / "results/tiny/work").glob("*/checkpoint.safetensors")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    ranks = ranks_of(process)
    assert len(ranks) == 2
    victim = ranks[1] if whom == "a rank" else ranks[1].parent()
    victim.kill()
    output = process.communicate(timeout=120)[0].decode()
    if whom == "a rank":
        line = "error: rank 1 of 2 was ended by SIGKILL (out of memory?); run the same command to resume"
        assert line in output
        assert (fresh.folder / LOG).read_text().splitlines()[-1][9:] == line
    psutil.wait_procs(ranks, timeout=10)
    assert not any(rank.is_running() for rank in ranks)
    assert not (fresh.folder / MODEL).exists()
    assert "Traceback" not in output
    fresh.run(MODEL)
    log = (fresh.folder / LOG).read_text()
    assert log.count("resumes from a checkpoint") == 1
    assert ((fresh.folder / MODEL).read_bytes(), history(fresh)) == uninterrupted
    assert not list((fresh.folder / "results/tiny/work").iterdir())


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
