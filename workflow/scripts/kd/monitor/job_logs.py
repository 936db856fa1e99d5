"""What the log of a job holds: its last line, and the error that ended the job."""

import os
import re
from pathlib import Path

TAIL = 1 << 16  # bytes of the end of a log that are read
_TIME = re.compile(r"^\d\d:\d\d:\d\d ")  # before each line of ours, and not before those of a traceback
_ENDINGS = ("error: ", "stopped by ", "Fatal Python error: ")


def without_time(line: str) -> str:
    """A line of a log without the time of day before it."""
    return _TIME.sub("", line)


def last_lines(path: Path) -> list[str]:
    """The lines at the end of a log, with their times; none of one that cannot be read."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return []
    return [line for line in text.splitlines() if line.strip()]


def last_error(path: Path) -> str:
    """The line that says why the job with this log failed, of a traceback the last; empty without one."""
    lines = last_lines(path)
    for line in map(without_time, reversed(lines)):
        if line.startswith(_ENDINGS):
            return line
        if line.startswith("unexpected error"):
            return lines[-1]
    return ""
