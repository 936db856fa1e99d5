"""A study through Snakemake on two GPUs of the stand-in, one of its trainings killed and resumed."""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cuda_stub
import psutil
import pytest
from checkout import Checkout, copy_code

HERE = Path(__file__).parent
STUDY = {
    "recipe": {"epochs": 4, "batch_size": 64, "lr": 0.05},
    "teachers": {"vgg16": {"width": 0.125}},
    "students": {"cnn": {"width": 0.125}},
    "methods": {"kd": {}, "fitnet": {"init_epochs": 1}},
    "seeds": [0],
    # Fresh memory is zero without PyTorch's cache, so that numbers which are read back are sane; a graph needs the cache.
    "compute": {"device": "cuda", "cuda_graphs": "never", "compile": "never", "checkpoint_seconds": 1e-6},
}
TEACHER = "results/tiny/teachers/vgg16"
LOG = "results/tiny/logs/train_teacher/vgg16.log"


@pytest.fixture
def study(tmp_path):
    """The checkout, and how a command runs in it on the stand-in."""
    if reason := cuda_stub.lacks():
        pytest.skip(reason)
    copy_code(tmp_path / "fresh")
    checkout = Checkout(tmp_path / "fresh", warm=False)
    checkout.configure(**STUDY)
    paths = HERE / "study", HERE, HERE.parent / "support", checkout.folder / "workflow" / "scripts"
    with tempfile.TemporaryDirectory() as folder:
        variables = cuda_stub.build(Path(folder)) | {
            **cuda_stub.UNCACHED,
            "STUB_DEVICES": "2",
            "PYTHONPATH": os.pathsep.join(map(str, paths)),
        }
        yield checkout, variables


def started(study, *arguments, **more):
    checkout, variables = study
    command = [sys.executable, "-m", "snakemake", "--configfile", "study.yaml", "--cores", "2", *arguments]
    with open(checkout.folder / "snakemake.txt", "a") as kept:
        return subprocess.Popen(command, cwd=checkout.folder, env=variables | more, stdout=kept, stderr=kept)


def kill_a_training(checkout, parent):
    """With SIGKILL, in its third epoch."""
    log, give_up = checkout.folder / LOG, time.monotonic() + 300
    while not (log.exists() and "epoch 2/4" in log.read_text()):
        assert parent.poll() is None, "no training has begun"
        assert time.monotonic() < give_up, "no training has begun"
        time.sleep(0.2)
    for process in psutil.Process(parent.pid).children(recursive=True):
        if ".train.py" in " ".join(process.cmdline()):
            process.kill()


@pytest.mark.full
def test_a_study_on_two_gpus_whose_training_is_killed_ends_as_any_other(study):
    checkout, _ = study
    first = started(study, "--resources", "gpu=2", "--", f"{TEACHER}/metrics.json", SLOW_EPOCH="2")
    kill_a_training(checkout, first)
    assert first.wait(timeout=120) != 0
    assert not (checkout.folder / TEACHER / "metrics.json").exists()
    assert started(study, "--resources", "gpu=2").wait(timeout=900) == 0, (
        checkout.folder / "snakemake.txt"
    ).read_text()[-5000:]
    log = (checkout.folder / LOG).read_text()
    assert re.search(r"resumes from a checkpoint, [12]\.0 of 4 epochs done", log)
    assert "epoch 4/4" in log
    runs = [json.loads(path.read_text()) for path in checkout.folder.glob("results/tiny/**/metrics.json")]
    assert len(runs) == 1 + 1 + 2
    assert {run["device"] for run in runs} == {"NVIDIA stub GPU"}
    assert (checkout.folder / "results/tiny/report.html").exists()
