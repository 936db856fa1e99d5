"""Studies that are cut off: nothing goes on for nobody, and the next run goes on where it was."""

import re
import subprocess
import sys
import time

import psutil
import pytest
from checkout import hear_ctrl_c
from on_terminal import CTRL_C, Terminal

MODEL = "results/tiny/teachers/cnn/model.safetensors"
LONG = {
    "teachers": {"cnn": {"channels": [8, 8]}},
    "students": {"cnn_thin": {"architecture": "cnn", "channels": [4]}},
    "recipe": {"epochs": 180, "batch_size": 16, "lr": 0.02},  # seconds enough for the view to show one
    "compute": {"device": "cpu", "checkpoint_seconds": 0.3},
}


def wait_for_a_state(checkout, process):
    deadline = time.monotonic() + 120
    while not list((checkout.folder / "results/tiny/work").glob("*/checkpoint.safetensors")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def under_way(fresh):
    """A study whose teacher is being trained and has kept a state; with the process that runs it."""
    fresh.configure(**LONG)
    command = fresh.command(MODEL)
    # Of a group of its own, as a terminal has it: Ctrl-C reaches all of it, and not the tests.
    process = subprocess.Popen(
        command,
        cwd=fresh.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=hear_ctrl_c,
    )
    wait_for_a_state(fresh, process)
    yield fresh, process
    process.kill()
    process.communicate()


@pytest.fixture(scope="module")
def uninterrupted(shared):
    def run(checkout):
        checkout.configure(**LONG)
        checkout.run(MODEL)

    return (shared("uninterrupted", run).folder / MODEL).read_bytes()


def went_on(checkout):
    log = (checkout.folder / "results/tiny/logs/train_teacher/cnn.log").read_text()
    return "resumes from a checkpoint" in log and not list((checkout.folder / "results/tiny/work").iterdir())


def assert_shown_as_stopped(checkout):
    """What `watch` says of a study that Ctrl-C has ended: no job failed."""
    command = [sys.executable, "workflow/scripts/watch.py", "results/tiny", "--once"]
    shown = subprocess.run(command, cwd=checkout.folder, capture_output=True, text=True)
    assert shown.returncode == 1
    assert re.search(r"stopped after \d+:\d\d; the same command resumes", shown.stdout), shown.stdout
    assert "failed" not in shown.stdout
    assert re.search(r"cut off \(1\)\s+train_teacher\s+cnn", shown.stdout), shown.stdout


@pytest.fixture
def on_terminal(fresh):
    """The same study on a terminal."""
    fresh.configure(**LONG)
    terminal = Terminal(fresh.command(MODEL), fresh.folder, fresh.environment())
    try:
        wait_for_a_state(fresh, terminal.process)
        deadline = time.monotonic() + 60
        while not re.search(r"(?m)^    cnn +.*\d+/180 ", terminal.so_far()):
            assert terminal.process.poll() is None
            assert time.monotonic() < deadline, terminal.so_far()
            time.sleep(0.05)
        yield fresh, terminal
    finally:
        terminal.process.kill()
        terminal.output()


def test_after_ctrl_c_the_plain_command_goes_on(on_terminal, uninterrupted):
    """The view, while it runs, shows the epochs; it is gone at the end, and the cursor is not."""
    checkout, terminal = on_terminal
    terminal.type(CTRL_C)
    assert terminal.process.wait(60) != 0
    assert not (checkout.folder / MODEL).exists()
    written = terminal.output()
    assert "tiny: 1 of 2 jobs done" in written
    assert "loss" not in written
    assert "Traceback" not in written
    assert re.search(
        r"Stopped after \d+:\d\d: 1 of 2 jobs done\. Run the same command to resume\.\s*$", written
    )
    assert written.rindex("\x1b[?25h") > written.rindex("\x1b[?25l")
    assert_shown_as_stopped(checkout)
    checkout.run(MODEL)
    assert went_on(checkout)
    assert (checkout.folder / MODEL).read_bytes() == uninterrupted


@pytest.mark.full
def test_a_terminated_snakemake_lets_the_running_job_finish(under_way, uninterrupted):
    checkout, process = under_way
    process.terminate()
    output = process.communicate(timeout=120)[0].decode()
    assert "Will exit after finishing currently running jobs" in output
    assert (checkout.folder / MODEL).read_bytes() == uninterrupted
    assert "train_teacher" not in checkout.pending(MODEL)


@pytest.mark.full
def test_a_killed_snakemake_leaves_no_job_behind(under_way, uninterrupted):
    checkout, process = under_way
    jobs = psutil.Process(process.pid).children(recursive=True)
    assert any("train" in " ".join(job.cmdline()) for job in jobs)
    process.kill()
    process.wait()
    assert psutil.wait_procs(jobs, timeout=20)[1] == [], "a job goes on for nobody"
    assert not (checkout.folder / MODEL).exists()
    checkout.run("--unlock")
    checkout.run(MODEL)
    assert went_on(checkout)
    assert (checkout.folder / MODEL).read_bytes() == uninterrupted


@pytest.mark.full
def test_a_killed_job_is_started_again_and_goes_on(under_way, uninterrupted):
    checkout, process = under_way
    (job,) = [p for p in psutil.Process(process.pid).children(recursive=True) if "train" in p.cmdline()[-1]]
    job.kill()
    output = process.communicate(timeout=60)[0].decode()
    assert process.returncode != 0
    assert "train_teacher" in output
    checkout.run(MODEL)
    assert went_on(checkout)
    assert (checkout.folder / MODEL).read_bytes() == uninterrupted
