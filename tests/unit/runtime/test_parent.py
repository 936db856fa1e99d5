"""A job ends with its Snakemake, also when that has ended before, or has another number's place."""

import multiprocessing
import os
import signal
import socket
import time

import pytest

from kd.errors import UserError
from kd.runtime import parent
from kd.runtime.parent import announce_command, announce_snakemake, command, end_with_snakemake

processes = multiprocessing.get_context("fork")


@pytest.fixture
def snakemake():
    """A process to end with."""
    process = processes.Process(target=time.sleep, args=(60,))
    process.start()
    yield process
    process.kill()
    process.join()


def announced(process, host=None):
    return f"{host or socket.gethostname()}:{process.pid}:{parent._start_of(process.pid)}"


def job(monkeypatch, text):
    monkeypatch.setenv(parent.VARIABLE, text)

    listens = processes.Event()

    def wait():
        end_with_snakemake()
        listens.set()
        time.sleep(60)

    process = processes.Process(target=wait)
    process.start()
    assert listens.wait(10)  # a Snakemake that ends before is an error of the job
    return process


@pytest.mark.parametrize("has_pidfd", [True, False])
def test_it_ends_when_snakemake_is_killed(snakemake, monkeypatch, has_pidfd):
    monkeypatch.setattr(parent, "POLL", 0.01)
    if not has_pidfd:
        monkeypatch.delattr(os, "pidfd_open")
    ours = job(monkeypatch, announced(snakemake))
    ours.join(0.3)
    assert ours.exitcode is None
    snakemake.kill()
    snakemake.join()  # else it stays as a zombie, which Snakemake's own parent would not leave
    ours.join(10)
    assert ours.exitcode == -signal.SIGTERM


def test_of_several_the_first_that_ends_is_enough(snakemake, monkeypatch):
    monkeypatch.setenv(parent.VARIABLE, announced(snakemake))
    announce_snakemake(main=False)
    both = os.environ[parent.VARIABLE]
    assert both.split()[0] == announced(snakemake)
    assert both.split()[1].split(":")[1] == str(os.getpid())
    ours = job(monkeypatch, both)
    snakemake.kill()
    snakemake.join()
    ours.join(10)
    assert ours.exitcode == -signal.SIGTERM


def test_the_main_one_does_not_end_with_another(snakemake, monkeypatch):
    """Such as the one whose job starts it."""
    monkeypatch.setenv(parent.VARIABLE, announced(snakemake))
    announce_snakemake(main=True)
    assert os.environ[parent.VARIABLE].split(":")[1] == str(os.getpid())


def test_one_that_has_ended_before_is_an_error(snakemake, monkeypatch):
    """While the job imported its libraries."""
    monkeypatch.setenv(parent.VARIABLE, announced(snakemake))
    snakemake.kill()
    snakemake.join()
    with pytest.raises(UserError, match=f"process {snakemake.pid}, has ended; run again"):
        end_with_snakemake()


def test_another_process_of_its_number_is_not_it(snakemake, monkeypatch):
    host, pid, start = announced(snakemake).rsplit(":", 2)
    monkeypatch.setenv(parent.VARIABLE, f"{host}:{pid}:{int(start) - 1}")
    with pytest.raises(UserError, match="has ended"):
        end_with_snakemake()


def test_one_on_another_machine_is_not_looked_up_here(snakemake, monkeypatch):
    monkeypatch.setenv(parent.VARIABLE, announced(snakemake, "another-machine"))
    snakemake.kill()
    snakemake.join()
    end_with_snakemake()


def test_without_a_snakemake_a_script_just_runs(monkeypatch):
    monkeypatch.delenv(parent.VARIABLE, raising=False)
    end_with_snakemake()


def test_the_command_is_announced_as_one_types_it_and_without_passwords(monkeypatch):
    monkeypatch.delenv(parent.COMMAND, raising=False)
    assert command() == ""
    monkeypatch.setenv(parent.COMMAND, "replaced and then restored")
    mirror = "dataset={mirror: https://joe:secret@example.org}"
    for program in ("/home/joe/venv/bin/snakemake", "/home/joe/venv/lib/snakemake/__main__.py"):
        announce_command([program, "--cores", "4", "--config", mirror])
        assert command() == "snakemake --cores 4 --config 'dataset={mirror: https://example.org}'"
