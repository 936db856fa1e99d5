"""One line for a job one of whose ranks has failed: the error that came first, as what it was."""

import pytest

from kd.errors import UserError
from kd.runtime.ranks.failures import FailedRank, first_failure, read_reports, report
from kd.runtime.signals import Stopped

GONE = RuntimeError("[gloo/transport/tcp/pair.cc:553] Connection closed by peer [127.0.0.1]:4321")


def reported(folder, **errors):
    """Reports of ranks, in the order of time: r1=error."""
    for name, error in errors.items():
        try:
            raise error
        except Exception as raised:
            report(raised, folder / f"{name.removeprefix('r')}.json")
    return read_reports(folder)


def test_the_first_error_in_time_wins(tmp_path):
    reports = reported(tmp_path, r2=UserError("first"), r0=UserError("second"), r1=GONE)
    assert str(first_failure(reports, {0: "exit status 1"}, 3)) == "first"


def test_that_another_is_gone_is_no_cause(tmp_path):
    """However soon it is noticed."""
    reports = reported(tmp_path, r0=GONE, r1=UserError("the cause"))
    assert str(first_failure(reports, {0: "exit status 1"}, 2)) == "the cause"


@pytest.mark.parametrize(("ended", "how"), [("SIGKILL", "SIGKILL (out of memory?)"), ("SIGSEGV", "SIGSEGV")])
def test_a_rank_that_a_signal_has_ended_is_named(tmp_path, ended, how):
    error = first_failure(reported(tmp_path, r0=GONE), {1: ended}, 2)
    assert isinstance(error, UserError)
    assert str(error) == f"rank 1 of 2 was ended by {how}; run the same command to resume"


def test_a_rank_that_ended_without_a_word_is_named(tmp_path):
    """The launcher has seen another one end first."""
    error = first_failure(reported(tmp_path, r0=GONE), {0: "exit status 1"}, 2)
    assert str(error).startswith("rank 1 of 2 was ended by an unknown cause;")


@pytest.mark.parametrize(
    "error",
    [
        UserError("batch_size: too small"),
        Stopped("SIGTERM"),
        MemoryError("9 TiB"),
        OSError(28, "No space left on device", "a/b.npy"),
    ],
)
def test_an_error_stays_what_it_was(tmp_path, error):
    again = first_failure(reported(tmp_path, r0=error), {}, 1)
    assert type(again) is type(error)
    assert str(again) == str(error)


def test_an_unexpected_error_has_its_rank_and_traceback(tmp_path):
    error = first_failure(reported(tmp_path, r1=ZeroDivisionError("oops")), {}, 2)
    assert isinstance(error, FailedRank)
    assert str(error).startswith("rank 1: ZeroDivisionError: oops\nTraceback")
    assert "in reported" in str(error)
