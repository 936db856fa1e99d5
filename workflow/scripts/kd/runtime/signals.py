"""How a job stops early: by a signal, after which it keeps its state."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Stopped(Exception):
    """The process was stopped by a signal, after it had saved its state."""


class StopSignal:
    """Whether this process has been asked to stop: by a cluster, `kill`, Ctrl-C or a terminal that closes."""

    def __init__(self) -> None:
        self.name = ""  # of the signal

    def __call__(self) -> bool:
        """Whether it has."""
        return bool(self.name)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.name = signal.Signals(number).name

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
