"""What a job refuses before it computes, and whom it waits for."""

import multiprocessing
import os
import sys
import time
from types import SimpleNamespace

import pytest

from kd.errors import UserError
from kd.runtime import guard
from kd.runtime.guard import guarded, refuse_later_than_now

processes = multiprocessing.get_context("fork")


def job(*inputs, output="results/model"):
    return SimpleNamespace(input=[str(path) for path in inputs], output=[output])


def test_an_input_that_is_dated_in_the_future_is_named_before_anything_is_computed(tmp_path, monkeypatch):
    """Snakemake would delete the result, after a whole training, and with it the checkpoint is gone."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    data = tmp_path / "dataset"
    data.touch()
    os.utime(data, (4102444800, 4102444800))
    with pytest.raises(UserError) as caught, guarded(job(data)):
        pytest.fail("it computes")
    line = str(caught.value)
    assert line.startswith(f"{data}: is dated 2100-01-01 00:00:00, and now it is 20")
    assert line.endswith(f"; set the clock, or: touch {data}")
    assert len(line.splitlines()) == 1


def test_clocks_of_two_machines_may_differ_a_little(tmp_path):
    data = tmp_path / "dataset"
    data.touch()
    now = time.time()
    os.utime(data, (now + 0.5, now + 0.5))
    refuse_later_than_now([str(data)])


def hold(folder, name, log, until=lambda: time.sleep(0.2)):
    os.chdir(folder)
    with guarded(job(output=name)):
        with open(log, "a") as file:
            file.write(f"{name} begins\n")
        until()
        with open(log, "a") as file:
            file.write(f"{name} ends\n")


def test_jobs_that_write_the_same_files_do_so_one_after_the_other(tmp_path):
    log = tmp_path / "log"
    jobs = [processes.Process(target=hold, args=(tmp_path, "a", log)) for _ in range(3)]
    for process in jobs:
        process.start()
    for process in jobs:
        process.join(20)
    assert log.read_text() == "a begins\na ends\n" * 3


def test_jobs_that_write_others_do_not_wait(tmp_path):
    """Both are within at once: each ends when both have begun."""
    log, both = tmp_path / "log", processes.Barrier(2)
    jobs = [
        processes.Process(target=hold, args=(tmp_path, name, log, lambda: both.wait(20))) for name in "ab"
    ]
    for process in jobs:
        process.start()
    for process in jobs:
        process.join(30)
    assert [process.exitcode for process in jobs] == [0, 0]
    assert sorted(log.read_text().splitlines()[:2]) == ["a begins", "b begins"]


def test_code_is_checked_before_and_after(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    checks = []
    monkeypatch.setattr(guard, "LoadedCode", lambda: SimpleNamespace(check=checks.append))
    monkeypatch.setattr(
        sys.modules["__main__"], "__file__", "/clone/workflow/scripts/train.py", raising=False
    )
    with guarded(job()):
        assert checks == ["train.py"]
    assert checks == ["train.py", "train.py"]
