"""How often a job writes its progress: at most once a second, and seldom where writing takes long."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

EVERY = 1.0  # seconds between two writings, at least
SHARE = 0.01  # of the time, at most, is spent on writing
SILENT = 30.0  # seconds without an update after which a monitor calls the writer silent


class Throttle:
    """Says when something is to be written again. A slow disk makes it rare, but never so rare as silence."""

    def __init__(self) -> None:
        self._due = 0.0

    @property
    def left(self) -> float:
        """Seconds until it is time to write; 0 if it is."""
        return max(0.0, self._due - time.monotonic())

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Goes round what is written, and takes its time."""
        started = time.monotonic()
        try:
            yield
        finally:
            ended = time.monotonic()
            self._due = ended + min(SILENT / 3, max(EVERY, (ended - started) / SHARE))


def clock_time(seconds: float) -> str:
    """Seconds as "0:42" or "1:02:03"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
