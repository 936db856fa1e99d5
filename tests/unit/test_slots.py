"""Jobs that run at once on one machine take different GPUs, and no GPU more jobs than it has slots."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from kd import slots

JOB = """
import sys
sys.path.insert(0, sys.argv[1])
from kd.slots import take_slot
print(take_slot(int(sys.argv[2]), int(sys.argv[3])), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Starts jobs that keep their slot until they are ended; each starts when the one before has its own."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    jobs = []

    def start(devices, per_device, wait=True):
        scripts = Path(slots.__file__).parent.parent
        command = [sys.executable, "-c", JOB, scripts, str(devices), str(per_device)]
        job = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        jobs.append(job)
        return (job, int(job.stdout.readline())) if wait else (job, None)

    yield start
    for job in jobs:
        job.kill()
        job.communicate()


def test_devices_are_filled_evenly(machine):
    assert [machine(2, 2)[1] for _ in range(4)] == [0, 1, 0, 1]


def test_a_job_waits_for_a_slot_and_takes_that_of_one_that_was_killed(machine):
    first, device = machine(2, 1)
    assert (device, machine(2, 1)[1]) == (0, 1)
    waiting, _ = machine(2, 1, wait=False)
    time.sleep(0.7)
    first.kill()
    assert int(waiting.stdout.readline()) == 0


def test_devices_that_are_hidden_from_a_job_keep_their_own_names(machine, monkeypatch):
    """Two workflows, each shown one GPU of two: both call it device 0, and neither waits for the other."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert machine(1, 1)[1] == 0
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-5fd4, 1")
    assert [machine(2, 1)[1] for _ in range(2)] == [0, 1]


def test_in_a_slurm_job_the_scheduler_has_chosen(machine, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    assert [machine(1, 1)[1] for _ in range(2)] == [0, 0]
