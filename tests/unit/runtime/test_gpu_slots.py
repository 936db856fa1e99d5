"""Jobs that run at once on one machine take different GPUs, and no GPU more jobs than it has slots."""

import errno
import fcntl
import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tiers import sample

from kd.errors import UserError
from kd.runtime import gpu_slots as slots

JOB = """
import sys
sys.path.insert(0, sys.argv[1])
from kd.runtime.gpu_slots import take_slot
print(take_slot(int(sys.argv[2]), int(sys.argv[3])), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Starts jobs that keep their slot until they are ended; each starts when the one before has its own."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    for name in ("XDG_RUNTIME_DIR", "CUDA_VISIBLE_DEVICES", *slots.SCHEDULED):
        monkeypatch.delenv(name, raising=False)
    jobs = []

    def start(devices, per_device, wait=True):
        scripts = Path(slots.__file__).parents[2]
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


def test_jobs_of_a_scheduler_have_devices_of_their_own(machine, monkeypatch):
    """In its own job each calls its device 0, and no two are the same."""
    for number in "78":
        monkeypatch.setenv("SLURM_JOB_ID", number)
        assert machine(1, 1)[1] == 0


def test_a_workflow_inside_a_scheduled_job_spreads_over_its_devices(machine, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    assert [machine(2, 1)[1] for _ in range(2)] == [0, 1]


USE = """
import sys, time
sys.path.insert(0, sys.argv[1])
from kd.runtime.gpu_slots import take_slot
device = take_slot(4, int(sys.argv[2]))
print("takes", device, time.monotonic(), flush=True)
time.sleep(float(sys.argv[3]))
print("leaves", device, time.monotonic(), flush=True)
"""


@pytest.mark.parametrize("per_device", sample((1, 2), (2,)))
def test_32_jobs_on_4_devices_some_killed_never_too_many_on_one_and_none_starved(
    tmp_path, monkeypatch, per_device
):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    for name in ("XDG_RUNTIME_DIR", "CUDA_VISIBLE_DEVICES", *slots.SCHEDULED):
        monkeypatch.delenv(name, raising=False)
    scripts = Path(slots.__file__).parents[2]

    def use(number):
        """Run one job and say which device it had, from when until when."""
        doomed = number % 4 == 3  # holds its slot until it is killed
        command = [sys.executable, "-S", "-c", USE, scripts, str(per_device), "60" if doomed else "0.15"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as job:
            _, device, first = job.stdout.readline().split()
            if doomed:
                time.sleep(0.1)
                last = time.monotonic()
                job.kill()
            else:
                last = job.stdout.readline().split()[2]
        return int(device), float(first), float(last)

    with ThreadPoolExecutor(32) as pool:
        held = list(pool.map(use, range(32), timeout=60))  # a job that starved would never answer
    assert len(held) == 32
    assert {device for device, _, _ in held} == {0, 1, 2, 3}
    for device, start, _ in held:
        at_once = sum(other == device and first <= start < last for other, first, last in held)
        assert at_once <= per_device


def test_a_slot_is_taken_before_anything_is_started_on_a_gpu(machine, monkeypatch):
    """On a pretended list of devices: asking what there is must not start CUDA on the first of them."""
    import torch

    from kd.runtime import device
    from kd.settings.compute import Compute

    events = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setattr(torch.cuda, "init", lambda: events.append("CUDA starts"))
    monkeypatch.setattr(torch.cuda, "set_device", lambda chosen: events.append(str(chosen)))
    monkeypatch.setattr(device, "take_slot", lambda *asked: events.append(asked) or 2)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: ["sm_90"])
    monkeypatch.setattr(torch, "set_deterministic_debug_mode", lambda mode: None)
    assert device.set_up_device(Compute(slots_per_device=3)) == torch.device("cuda", 2)
    assert events == [(4, 3), "cuda:2"]
    assert not torch.cuda.is_initialized()


@pytest.fixture
def locks(tmp_path, monkeypatch):
    """The folder of locks of a process that holds none yet."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name in ("XDG_RUNTIME_DIR", "CUDA_VISIBLE_DEVICES", *slots.SCHEDULED):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(slots, "_held", {})
    yield tmp_path / f"kd-gpu-slots-{os.getuid()}"
    for lock in slots._held.values():
        os.close(lock)


def test_a_process_that_asks_again_keeps_its_slot(locks):
    """A lock belongs to an open file: the very process that has it would wait for itself for ever."""
    assert [slots.take_slot(1, 1) for _ in range(3)] == [0, 0, 0]
    assert [path.name for path in locks.iterdir()] == ["0-0"]


def test_a_job_of_several_takes_different_devices_or_none(machine, locks):
    """One of two is another job's: nothing is held while this one waits."""
    machine(2, 1)
    free = slots._locks(slots._lock_folder(), 2, 1, 2)
    assert free.keys() == {1}
    os.close(free[1])
    assert slots.take_slots(2, 2, 2) == [0, 1]
    assert sorted(path.name for path in locks.iterdir()) == ["0-0", "0-1", "1-0"]


def test_fewer_devices_than_a_job_wants_are_said_rather_than_waited_for(locks):
    with pytest.raises(UserError, match=r"compute\.gpus_per_job: 3, and this job sees 2; lower it"):
        slots.take_slots(2, 8, 3)
    assert not locks.exists()


WAITS = """
import sys, time
sys.path.insert(0, sys.argv[1])
from kd.runtime.gpu_slots import take_slots
devices = take_slots(4, 1, int(sys.argv[2]))
first = time.monotonic()
time.sleep(0.1)
print(first, time.monotonic(), *devices, flush=True)
"""


@pytest.mark.full
def test_jobs_of_one_two_and_three_devices_never_wait_for_each_other_for_ever(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    for name in ("XDG_RUNTIME_DIR", "CUDA_VISIBLE_DEVICES", *slots.SCHEDULED):
        monkeypatch.delenv(name, raising=False)

    def use(number):
        command = [sys.executable, "-S", "-c", WAITS, Path(slots.__file__).parents[2], str(1 + number % 3)]
        first, last, *devices = subprocess.run(command, capture_output=True, text=True).stdout.split()
        return float(first), float(last), devices

    with ThreadPoolExecutor(18) as pool:
        held = list(pool.map(use, range(18), timeout=120))
    assert sorted(len(devices) for _, _, devices in held) == 6 * [1] + 6 * [2] + 6 * [3]
    for first, last, devices in held:
        assert len(set(devices)) == len(devices)
        later = [others for start, _, others in held if first < start < last]
        assert not any(set(devices) & set(others) for others in later)


def test_no_visible_device_is_said_rather_than_waited_for(locks):
    with pytest.raises(UserError, match="no CUDA device is visible"):
        slots.take_slot(0, 1)


def test_a_private_folder_of_the_session_comes_before_a_shared_one(locks, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    (tmp_path / "run").mkdir()
    slots.take_slot(1, 1)
    assert (tmp_path / "run" / locks.name / "0-0").exists()
    assert not locks.exists()


def test_a_private_folder_that_is_gone_is_passed_over(locks, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "of an earlier session"))
    slots.take_slot(1, 1)
    assert (locks / "0-0").exists()


def test_a_link_where_a_lock_should_be_leaves_its_file_as_it_is(locks, tmp_path):
    """As another user could set it, who made the folder first."""
    (tmp_path / "thesis.tex").write_text("three years of work")
    locks.mkdir(mode=0o700)
    (locks / "0-0").symlink_to(tmp_path / "thesis.tex")
    with pytest.raises(UserError, match=re.escape(f"{locks / '0-0'}: no lock of a GPU")):
        slots.take_slot(1, 1)
    assert (tmp_path / "thesis.tex").read_text() == "three years of work"


def test_a_file_where_a_lock_should_be_is_not_emptied(locks):
    locks.mkdir(mode=0o700)
    (locks / "0-0").write_text("kept")
    assert slots.take_slot(1, 1) == 0
    assert (locks / "0-0").read_text() == "kept"


@pytest.mark.parametrize("mode", [0o701, 0o720, 0o777])
def test_a_folder_of_locks_that_others_have_rights_to_is_refused(locks, mode):
    locks.mkdir()
    locks.chmod(mode)
    with pytest.raises(UserError, match=f"mode {mode:o}; remove it, or set TMPDIR"):
        slots.take_slot(1, 1)
    assert not list(locks.iterdir())


def test_a_folder_of_locks_of_another_user_is_refused(locks, monkeypatch):
    locks.mkdir(mode=0o700)
    owner, pretended = locks.stat().st_uid, locks.stat().st_uid + 1
    monkeypatch.setattr(os, "getuid", lambda: pretended)
    locks.rename(locks.with_name(f"kd-gpu-slots-{pretended}"))
    with pytest.raises(UserError, match=f"of user {owner}, mode 700"):
        slots.take_slot(1, 1)


@pytest.mark.parametrize("kind", ["link", "file"])
def test_what_is_no_folder_is_refused(locks, tmp_path, kind):
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    locks.symlink_to(tmp_path / "elsewhere") if kind == "link" else locks.touch()
    with pytest.raises(UserError, match="this is a link" if kind == "link" else "File exists"):
        slots.take_slot(1, 1)
    assert not list((tmp_path / "elsewhere").iterdir())


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_disk_without_locks_is_named(locks, monkeypatch, number):
    def refuse(file, how):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(UserError, match=r"has no locks .*; set TMPDIR"):
        slots.take_slot(1, 1)
