"""Two real ranks on the CPU: what they have in common, and how their job ends."""

import json
import logging
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import in_ranks
import pytest

from kd.errors import UserError
from kd.io.log import log_to
from kd.runtime.ranks import launcher
from kd.runtime.ranks.failures import FailedRank
from kd.runtime.ranks.run import run_on_devices
from kd.settings.compute import Compute

TWO = Compute(device="cpu", gpus_per_job=2)
SUPPORT = Path(in_ranks.__file__).parent


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "log"
    log_to(path, sys.stderr)
    yield path
    logging.getLogger("kd").handlers.clear()


@pytest.mark.full
def test_two_ranks_have_the_same_numbers_and_the_first_one_writes(tmp_path, log, capfd):
    run_on_devices(TWO, partial(in_ranks.talk, str(tmp_path)))
    for rank in range(2):
        assert json.loads((tmp_path / f"{rank}.json").read_text()) == {
            "gathered": [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]],
            "highest": [1, 7],
            "of_first": [0.1],
            "mean": [3, 3],
            "threads": 1,
            "device": "cpu",
        }
    assert [line[9:] for line in log.read_text().splitlines()] == ["rank 0 was here"]
    assert capfd.readouterr() == ("", "")


@pytest.mark.full
@pytest.mark.parametrize(
    ("how", "kind", "line"),
    [
        ("user", UserError, "batch_size: too small"),
        ("disk", OSError, "[Errno 28] No space left on device: 'results/model.safetensors'"),
        ("bug", FailedRank, "rank 1: ZeroDivisionError: oops"),
        (
            "killed",
            UserError,
            "rank 1 of 2 was ended by SIGKILL (out of memory?); run the same command to resume",
        ),
    ],
)
def test_an_error_of_one_rank_is_that_of_the_job(log, capfd, how, kind, line):
    with pytest.raises(kind) as caught:
        run_on_devices(TWO, partial(in_ranks.fail, how))
    assert str(caught.value).splitlines()[0] == line
    assert capfd.readouterr().err == ""


@pytest.mark.full
def test_a_killed_rank_is_named_however_late_the_launcher_looks(log, monkeypatch):
    """By then the other rank has noticed, too."""
    monkeypatch.setattr(launcher, "LaunchConfig", partial(launcher.LaunchConfig, monitor_interval=2.0))
    with pytest.raises(UserError, match=r"^rank 1 of 2 was ended by SIGKILL \(out of memory\?\)"):
        run_on_devices(TWO, partial(in_ranks.fail, "killed"))


@pytest.fixture
def going_on(tmp_path):
    """A job whose two ranks go on until they are stopped; with their process ids."""
    code = "import sys, in_ranks; from functools import partial; from kd.runtime.ranks.run import run_on_devices\n"
    code += "from kd.settings.compute import Compute\n"
    code += "if __name__ == '__main__':\n    run_on_devices(Compute(device='cpu', gpus_per_job=2),"
    code += " partial(in_ranks.until_stopped, sys.argv[1]))"
    script = tmp_path / "script.py"
    script.write_text(code)
    paths = os.pathsep.join([str(SUPPORT), str(SUPPORT.parents[1] / "workflow/scripts")])
    environment = {**os.environ, "PYTHONPATH": paths}
    command = [sys.executable, str(script), str(tmp_path)]
    job = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while len(list(tmp_path.glob("*.running"))) < 2:
        assert job.poll() is None, job.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    yield job, [int(path.stem) for path in tmp_path.glob("*.running")]
    job.kill()
    job.communicate()


@pytest.mark.full
@pytest.mark.parametrize("whom", ["the job", "a rank"])
def test_a_signal_stops_all_ranks_once_the_first_has_written(going_on, tmp_path, whom):
    job, ranks = going_on
    os.kill(job.pid if whom == "the job" else ranks[0], signal.SIGTERM)
    _, errors = job.communicate(timeout=60)
    assert (tmp_path / "kept").exists()
    assert errors.splitlines()[-1] == "kd.runtime.signals.Stopped: SIGTERM"


@pytest.mark.full
def test_ranks_die_with_a_job_that_is_killed(going_on):
    job, ranks = going_on
    job.kill()
    job.wait()
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in ranks):
        assert time.monotonic() < deadline
        time.sleep(0.05)
