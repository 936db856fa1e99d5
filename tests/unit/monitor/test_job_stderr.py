"""What jobs write to stderr: each line once, tracebacks whole, nothing that a terminal obeys."""

import subprocess
import sys

import pytest

from kd.monitor.job_logs import last_error, last_lines
from kd.monitor.terminal.job_stderr import JobStderr, Lines


def taken(*lines):
    shown = []
    reader = Lines(shown.append)
    for line in lines:
        reader.take(line)
    reader.flush()
    return shown


TRACEBACK = ["Traceback (most recent call last):", '  File "a.py", line 1', "    x"]


def test_lines_that_differ_in_the_time_alone_are_shown_once():
    lines = "10:00:01 computes on the CPU: no GPU", "10:00:07 computes on the CPU: no GPU", "10:00:07 other"
    assert taken(*lines) == ["10:00:01 computes on the CPU: no GPU", "10:00:07 other"]


def test_the_second_line_of_a_warning_is_shown_with_the_first():
    warning = ["a.py:1: UserWarning: slow", "  warnings.warn(text)"]
    assert taken(*warning, *warning) == warning


@pytest.mark.parametrize(
    ("last", "shown"),
    [
        ("ImportError: no module named kd", [*TRACEBACK, "ImportError: no module named kd"]),
        ("KeyboardInterrupt", []),
    ],
)
def test_a_traceback_is_shown_whole_unless_it_is_of_ctrl_c(last, shown):
    assert taken(*TRACEBACK, last, *TRACEBACK, last) == shown


def test_a_traceback_that_is_cut_off_is_shown():
    assert taken(*TRACEBACK) == TRACEBACK


def test_a_progress_bar_is_its_last_state_and_codes_of_terminals_are_escaped():
    assert taken("10%\r50%\rdone\x1b[2J") == ["done\\x1b[2J"]


def test_the_lines_of_a_process_arrive_and_the_pipe_is_removed(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    shown = []
    pipe = JobStderr(shown.append)
    program = 'import sys; sys.stderr.write("a\\nb" * 3); print("out")'
    command = f"{pipe.shell_prefix}{sys.executable} -c '{program}'"
    done = subprocess.run(["bash", "-c", command], check=True, capture_output=True, text=True)
    pipe.close()
    pipe.close()
    assert (done.stdout, done.stderr) == ("out\n", "")
    assert shown == ["a", "ba", "b"]
    assert list(tmp_path.iterdir()) == []


def test_who_shows_the_lines_may_fail(tmp_path):
    pipe = JobStderr(lambda line: 1 / 0)
    subprocess.run(["bash", "-c", f"{pipe.shell_prefix} echo one >&2; echo two >&2"], check=True)
    pipe.close()


@pytest.mark.parametrize(
    ("log", "error"),
    [
        ("10:00:00 a\n10:00:01 error: dataset.path: no folder\n", "error: dataset.path: no folder"),
        ("10:00:00 unexpected error; please report it\nTraceback\n  x\nValueError: y\n", "ValueError: y"),
        ("10:00:00 stopped by SIGTERM; run again\n", "stopped by SIGTERM; run again"),
        ("Fatal Python error: Aborted\n\nThread 1:\n  File x\n", "Fatal Python error: Aborted"),
        ("10:00:00 epoch 1\n", ""),
        ("", ""),
    ],
)
def test_the_line_of_a_log_that_says_why_the_job_failed(tmp_path, log, error):
    (tmp_path / "log").write_text(log)
    assert last_error(tmp_path / "log") == error


def test_of_a_long_log_the_end_is_read_and_none_of_one_that_is_not_there(tmp_path):
    (tmp_path / "log").write_bytes(b"x" * (1 << 17) + b"\n\xff last\n\n")
    assert last_lines(tmp_path / "log")[-1] == "\N{REPLACEMENT CHARACTER} last"
    assert last_lines(tmp_path / "none") == []
