"""The view of a study, while it really runs."""

import re
import subprocess
import sys
import time

import psutil
import pytest
from on_terminal import Terminal

# Long enough that a training is seen in several of its epochs.
STUDY = {
    "teachers": {"cnn": {"channels": [8, 8]}},
    "students": {"cnn_thin": {"architecture": "cnn", "channels": [4]}},
    "recipe": {"epochs": 60, "batch_size": 16, "lr": 0.02},
    "seeds": [0],
    "compute": {"device": "cpu", "checkpoint_seconds": 0.3},
}
WATCH = ["workflow/scripts/watch.py", "results/tiny"]


@pytest.fixture
def python(warm_environment):
    """It starts scripts and Snakemake warm."""
    return warm_environment / "bin/python"


@pytest.fixture
def runs(fresh):
    """Starts Snakemake beside the test, with this Python; what was started is ended with it."""
    started = []

    def run(*arguments, python=sys.executable):
        log = open(fresh.folder / "snakemake.log", "w")  # noqa: SIM115 (the process's)
        process = subprocess.Popen(
            [python, *fresh.command(*arguments)[1:]],
            cwd=fresh.folder,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=fresh.environment(),
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()


def log_of(checkout):
    return (checkout.folder / "snakemake.log").read_text()[-5000:]


def look(checkout, python):
    done = subprocess.run([python, *WATCH, "--once"], cwd=checkout.folder, capture_output=True, text=True)
    assert not done.stderr
    return done.stdout, done.returncode


def count(pattern, text):
    match = re.search(pattern, text)
    return int(match.group(1)) if match else 0


def wait_for(checkout, python, pattern, process, seconds=240):
    """What is shown when it has `pattern`."""
    deadline = time.monotonic() + seconds
    while not re.search(pattern, shown := look(checkout, python)[0]):
        assert process.poll() is None, log_of(checkout)
        assert time.monotonic() < deadline, shown
    return shown


@pytest.mark.full
def test_from_before_it_begins_until_it_is_done(fresh, runs, python):
    fresh.configure(**STUDY)
    text, status = look(fresh, python)
    assert (text.strip(), status) == ("results/tiny: no run of this study has begun", 0)
    terminal = Terminal([sys.executable, *WATCH], fresh.folder)
    snakemake = runs(python=python)
    seen, waiting = set(), []
    while snakemake.poll() is None:
        text, status = look(fresh, python)
        assert status == 0, text
        seen |= {(int(epoch), int(all)) for epoch, all in re.findall(r"(\d+)/(\d+) ", text)}
        if "waiting" in text:
            parts = re.findall(r"(\d+) [a-z]\w+", text.split("waiting")[1].split("logs")[0])
            waiting.append(sum(int(part) for part in parts))
    assert snakemake.returncode == 0, log_of(fresh)
    assert len(seen) > 3, "no training reported its epoch"
    assert {all for _, all in seen} == {60}
    assert waiting == sorted(waiting, reverse=True)
    assert len(set(waiting)) > 3, waiting

    text, status = look(fresh, python)
    jobs = count(r"tiny: (\d+) of", text)
    assert (f"tiny: {jobs} of {jobs} jobs done" in text, status) == (True, 0), text
    assert re.search(r"done in \d+:\d\d", text)
    written = terminal.output()
    assert terminal.process.wait(10) == 0
    assert "no run of this study has begun" in written
    assert re.search(r"(?m)^\s+cnn .* left", written)
    assert re.search(r"done in \d+:\d\d", written)
    assert list((fresh.folder / "results/tiny/progress").rglob("*.json")) == [
        fresh.folder / "results/tiny/progress/study.json"
    ]

    before = (fresh.folder / "results/tiny/progress/study.json").read_bytes()
    assert "Nothing to be done" in fresh.run()
    assert (fresh.folder / "results/tiny/progress/study.json").read_bytes() == before


@pytest.mark.full
def test_a_job_that_is_killed_has_failed_and_the_next_run_is_shown(fresh, runs, python):
    epochs = {"epochs": 180}  # seconds enough to look and to kill
    fresh.configure(**STUDY | {"recipe": STUDY["recipe"] | epochs})
    model = "results/tiny/teachers/cnn/model.safetensors"
    snakemake = runs(model)
    wait_for(fresh, python, r"(?m)^    cnn +\d+/180", snakemake)
    (job,) = [p for p in psutil.Process(snakemake.pid).children(recursive=True) if "train" in p.cmdline()[-1]]
    job.kill()
    snakemake.wait(60)
    text, status = look(fresh, python)
    assert status == 1
    assert "1 job failed" in text
    assert re.search(r"(?m)^  train_teacher: cnn *$", text), text
    assert "results/tiny/logs/train_teacher/cnn.log" in text
    left_behind = fresh.folder / "results/tiny/progress/train_teacher/cnn.json"
    assert left_behind.exists()

    snakemake = runs(model)
    text = wait_for(fresh, python, r"running for", snakemake)
    assert "failed" not in text
    snakemake.wait(240)
    text, status = look(fresh, python)
    assert ("1 of 1 jobs of this run done" in text, status) == (True, 0), text
    assert not left_behind.exists()


OTHERS = [pytest.param(what, marks=pytest.mark.full) for what in ("--lint", "--summary", "--unlock")]


@pytest.mark.parametrize("what", ["--dry-run", "--dag", *OTHERS])
def test_what_runs_no_job_writes_nothing(fresh, what):
    done = fresh.snakemake(what)
    assert done.returncode == 0, done.stderr
    assert not (fresh.folder / "results/tiny").exists()


@pytest.mark.parametrize("what", [("--report", "report.html"), ("--touch", "--forceall")])
def test_what_is_done_with_a_finished_study_leaves_it_done(finished, what):
    before = (finished.folder / "results/tiny/progress/study.json").read_bytes()
    finished.run(*what)
    assert (finished.folder / "results/tiny/progress/study.json").read_bytes() == before
