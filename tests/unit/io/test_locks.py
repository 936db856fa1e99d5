"""A lock is one process's, on disks with flock and without; it goes with its holder."""

import errno
import fcntl
import logging
import multiprocessing
import os
import signal
import time

import pytest

from kd.io import locks
from kd.io.atomic import NotWritten
from kd.io.locks import is_locked, locked

processes = multiprocessing.get_context("fork")
NO_FLOCK = [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP]


def refuse(number):
    def flock(descriptor, operation):
        raise OSError(number, os.strerror(number))

    return flock


@pytest.fixture(params=[None, *NO_FLOCK], ids=["flock", "ENOLCK", "ENOSYS", "EOPNOTSUPP"])
def disk(request, monkeypatch):
    """A disk of this kind."""
    if request.param:
        monkeypatch.setattr(fcntl, "flock", refuse(request.param))
    monkeypatch.setattr(locks, "LEASE", 1.0)
    return request.param


def hold(path, counter, seconds):
    with locked(path, "waits"):
        before = int(counter.read_text())
        counter.with_suffix(".held").touch()
        time.sleep(seconds)
        counter.write_text(str(before + 1))


def held(folder, seconds):
    """A process that holds folder/lock for so long, and the counter that it then raises from 0 to 1."""
    counter = folder / "counter"
    counter.write_text("0")
    holder = processes.Process(target=hold, args=(folder / "lock", counter, seconds))
    holder.start()
    deadline = time.monotonic() + 20
    while not counter.with_suffix(".held").exists():
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return holder, counter


def test_those_that_wait_come_one_after_the_other(disk, tmp_path):
    counter = tmp_path / "counter"
    counter.write_text("0")
    holders = [processes.Process(target=hold, args=(tmp_path / "a/lock", counter, 0.02)) for _ in range(5)]
    for holder in holders:
        holder.start()
    for holder in holders:
        holder.join(20)
    assert [holder.exitcode for holder in holders] == [0] * 5
    assert counter.read_text() == "5"


def test_the_lock_of_a_killed_process_is_free(disk, tmp_path, caplog):
    caplog.set_level(logging.INFO, "kd")
    holder, _ = held(tmp_path, 60)
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    started = time.monotonic()
    with locked(tmp_path / "lock", "waits for the other"):
        assert time.monotonic() - started < 5


def test_who_waits_says_so_once(tmp_path, caplog):
    caplog.set_level(logging.INFO, "kd")
    holder, counter = held(tmp_path, 0.3)
    with locked(tmp_path / "lock", "waits for the other"):
        assert counter.read_text() == "1"
    assert caplog.messages == ["waits for the other"]
    holder.join()


def test_a_place_that_cannot_be_written_to_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(NotWritten, match="file/lock: cannot be locked"),
        locked(tmp_path / "file/lock", "waits"),
    ):
        pass


def test_whether_a_lock_is_held_is_seen_without_waiting(disk, tmp_path):
    assert not is_locked(tmp_path / "lock")
    holder, _ = held(tmp_path, 30)
    started = time.monotonic()
    assert is_locked(tmp_path / "lock")
    assert time.monotonic() - started < 20
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    deadline = time.monotonic() + 20
    while is_locked(tmp_path / "lock"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
