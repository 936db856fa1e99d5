"""Which signals stop a training after it has kept its state, and which stay as they were."""

import os
import signal
from types import SimpleNamespace

import pytest

from kd.runtime.signals import STOPPING, StopSignal


@pytest.fixture(autouse=True)
def handlers():
    before = {number: signal.signal(number, signal.SIG_DFL) for number in STOPPING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_it_is_noted_and_ends_nothing(name):
    ending = StopSignal()
    with ending.noticed():
        assert not ending()
        os.kill(os.getpid(), getattr(signal, name))
        assert ending()
    assert ending.name == name
    assert signal.getsignal(getattr(signal, name)) == signal.SIG_IGN, "another must not cut short the end"


def test_one_that_is_ignored_stays_so():
    """`nohup snakemake …`: the terminal closes, and the study goes on."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    ending = StopSignal()
    with ending.noticed():
        os.kill(os.getpid(), signal.SIGHUP)
        assert not ending()
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


def test_one_that_another_process_of_the_job_has_noted_counts():
    shared = SimpleNamespace(value=0)
    here, there = StopSignal(shared), StopSignal(shared)
    with here.noticed():
        os.kill(os.getpid(), signal.SIGTERM)
    assert there()
    assert there.name == "SIGTERM"


def test_without_a_signal_all_is_as_before():
    with StopSignal().noticed():
        pass
    assert {signal.getsignal(number) for number in STOPPING} == {signal.SIG_DFL}
