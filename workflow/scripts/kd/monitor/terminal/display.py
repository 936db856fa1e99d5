"""What is on the screen while jobs run: lines, the view on a terminal, and what jobs write to stderr."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from kd.monitor.status import Study
from kd.monitor.terminal.job_stderr import JobStderr
from kd.monitor.terminal.lines import start_line, status_line
from kd.monitor.terminal.screen import Screen
from kd.monitor.view import View

EVERY = 1.0  # seconds between two views
SILENCE = (60.0, 600.0)  # seconds without a line before one says how far the study is: at first, at most


class Display:
    """Shows on `screen` the study in `folder`, as `read` returns it each second, from `begin` to `close`.

    `quiet`: what jobs write to stderr, but neither a view nor lines on jobs.
    """

    def __init__(
        self, screen: Screen, folder: Path, read: Callable[[], Study | None], quiet: bool = False
    ) -> None:
        self._screen, self._folder, self._read, self._quiet = screen, folder, read, quiet
        self._stderr: JobStderr | None = None
        self._said, self._pause = time.monotonic(), SILENCE[0]
        self._ending = threading.Event()
        self._ticker: threading.Thread | None = None

    def begin(self, stderr_of_jobs: Callable[[str], None]) -> None:
        """Show the study, if there is one. `stderr_of_jobs` gets a command that goes before each job."""
        if self._ticker or (study := self._read()) is None:
            return
        with suppress(OSError):  # without a pipe jobs write to the terminal themselves
            self._stderr = JobStderr(self.say)
            stderr_of_jobs(self._stderr.shell_prefix)
        self.say_of_job(start_line(study, self._folder))
        self._ticker = threading.Thread(target=self._tick, daemon=True, name="run output")
        self._ticker.start()

    def say(self, text: str) -> None:
        """Print a line, above the view if there is one."""
        self._said = time.monotonic()
        self._screen.line(text)

    def say_of_job(self, text: str) -> None:
        """Print a line on a job, which the view replaces."""
        self._pause = SILENCE[0]
        if not self._screen.live and not self._quiet:
            self.say(text)

    def end_view(self) -> None:
        """Remove the view: somebody else prints from now on."""
        self._screen.close()

    def close(self) -> None:
        """Print what jobs have written, and end the view."""
        self._ending.set()
        if self._ticker:
            self._ticker.join(timeout=10)
        if self._stderr:
            self._stderr.close()
        self._screen.close()

    def _tick(self) -> None:
        while not self._ending.wait(EVERY):
            with suppress(Exception):  # the next second shows it
                self._show(self._read())

    def _show(self, study: Study) -> None:
        if self._screen.live:
            self._screen.view(View(study, self._folder, time.time()))
        elif not self._quiet and time.monotonic() - self._said > self._pause:
            self._pause = min(SILENCE[1], 2 * self._pause)
            self.say(status_line(study, time.time()))
