"""Progress of something long, logged every few seconds."""

import threading
from collections.abc import Callable

from kd.io.log import logger


class Progress:
    """Logs a line every `interval` seconds while its block runs; set `total` and add to `done`, in bytes.

    The lines come from a thread of their own, so that they also come while a server is silent. `line`
    makes the text from done, total and speed, where these are no bytes of a download.
    """

    def __init__(self, name: str, interval: float = 3.0, line: Callable[..., str] | None = None) -> None:
        self.name, self.interval, self.line = name, interval, line or describe
        self.done, self.total = 0, None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._report, daemon=True)

    def __enter__(self) -> "Progress":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()

    def _report(self) -> None:
        before = 0
        while not self._ended.wait(self.interval):
            done = self.done
            logger.info("%s: %s", self.name, self.line(done, self.total, (done - before) / self.interval))
            before = done


def describe(done: int, total: int | None, speed: float) -> str:
    """One line of progress from bytes done, bytes in all (None: not known) and bytes a second."""
    share = f"{done / total:.0%} of {total / 1e6:.1f} MB" if total else f"{done / 1e6:.1f} MB"
    if speed <= 0:  # below 0 where a download has begun again
        return f"{share}, waiting for the server"
    left = f", {(total - done) / speed:.0f} s left" if total else ""
    return f"{share}, {speed / 1e6:.1f} MB/s{left}"
