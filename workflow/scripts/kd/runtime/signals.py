"""How a job stops early: by a signal, after which it keeps its state."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Stopped(Exception):
    """The process was stopped by a signal, after it had saved its state."""


class StopSignal:
    """Whether this process has been asked to stop: by a cluster, `kill`, Ctrl-C or a terminal that closes.

    `shared`: a number in memory that is shared with the processes of the same job, in which each notes its
    signal for all.
    """

    def __init__(self, shared: Any = None) -> None:
        self.name = ""  # of the signal
        self.shared = shared

    def __call__(self) -> bool:
        """Whether it has."""
        if not self.name and self.shared is not None and self.shared.value:
            self.name = signal.Signals(self.shared.value).name
        return bool(self.name)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.name = signal.Signals(number).name
        if self.shared is not None:
            self.shared.value = number

    @contextmanager
    def noticed(self) -> Iterator["StopSignal"]:
        """While the block runs, a signal is noted and ends nothing by itself.

        After one the process is ending: another, such as a cluster sends, must not cut that short.
        """
        # With `nohup` a terminal that closes ends nothing.
        nohup = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        heard = [number for number in STOPPING if number != signal.SIGHUP or not nohup]
        before = {number: signal.signal(number, self._note) for number in heard}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, signal.SIG_IGN if self() else handler)
