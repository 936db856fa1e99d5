"""What the jobs of this machine write to stderr: warnings, errors, and what libraries print.

A job of Snakemake has the terminal of Snakemake as its stderr. Its lines would break the live view, and the
warning of one library comes once for each of a hundred jobs. Here jobs write into a named pipe instead.
"""

import os
import select
import shlex
import shutil
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from kd.errors import shown
from kd.monitor.job_logs import without_time

_TRACEBACK = "Traceback (most recent call last)"


class Lines:
    """Hands lines on to `show`, those that differ only in the time of day once.

    A traceback is handed on as a whole. That of a KeyboardInterrupt is left out: the user has pressed Ctrl-C.
    """

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self._known: set[str] = set()
        self._traceback: list[str] = []
        self._new = False  # whether the last line without an indent was handed on

    def take(self, line: str) -> None:
        """Take in the next line."""
        line = shown(line.split("\r")[-1].replace("\t", "    ").rstrip())
        indented = line.startswith(" ") or not line
        if (self._traceback and indented) or line.startswith(_TRACEBACK):
            self._traceback.append(line)
        elif indented:
            if self._new and line:
                self._show(line)
        else:
            self._take_sentence(line)

    def flush(self) -> None:
        """Hand on a traceback that has no end."""
        for line in self._traceback:
            self._show(line)
        self._traceback = []

    def _take_sentence(self, line: str) -> None:
        plain = without_time(line)
        self._new = plain not in self._known and not (
            self._traceback and plain.startswith("KeyboardInterrupt")
        )
        self._known.add(plain)
        if self._new:
            self.flush()
            self._show(line)
        self._traceback = []


class JobStderr:
    """The named pipe, and a thread that hands its lines on to `show` until `close`. OSError without one."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self._lines = Lines(show)
        self._folder = Path(tempfile.mkdtemp(prefix="kd-stderr-"))
        try:
            os.mkfifo(self._folder / "stderr", 0o600)
            # Open for both, so that it has no end before the last job has one, and no job waits for a reader.
            self._pipe = os.open(self._folder / "stderr", os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        self._closing = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True, name="stderr of jobs")
        self._reader.start()

    @property
    def shell_prefix(self) -> str:
        """Before the command of a job, in bash: the pipe is its stderr. Nothing in it is for str.format."""
        return f"exec 2>{shlex.quote(str(self._folder / 'stderr'))}; "

    def close(self) -> None:
        """Hand on what is left, and remove the pipe."""
        if self._closing.is_set():
            return
        self._closing.set()
        os.write(self._pipe, b"\n")  # wakes the reader
        self._reader.join(timeout=10)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _read(self) -> None:
        rest = b""
        while not self._closing.is_set() or _waiting(self._pipe):
            *lines, rest = (rest + os.read(self._pipe, 1 << 16)).split(b"\n")
            for line in lines:
                with suppress(Exception):  # whoever shows it must not end the reading: jobs would wait
                    self._lines.take(line.decode("utf-8", "replace"))
        self._lines.flush()
        os.close(self._pipe)


def _waiting(pipe: int) -> bool:
    """Whether there is more to read."""
    return bool(select.select([pipe], [], [], 0)[0])
