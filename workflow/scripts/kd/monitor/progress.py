"""How far a running job is, in a small file for monitors. No result depends on it.

It is written at most once a second, and seldom where writing takes long.
"""

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

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


def write_progress(path: Path, content: Any) -> None:
    """Write `content` as JSON, whole or not at all; OSError if that cannot be.

    Not by kd.io.files: that waits until the disk has it, a tenth of a second on a busy one, and after a power
    cut the progress of a job does not matter.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    temporary.write_text(json.dumps(content, indent=1, sort_keys=True), encoding="utf-8")
    temporary.replace(path)


class ProgressFile:
    """Keeps `path` up to date while its block runs, and removes it at the end; does nothing if that is None.

    A job that is killed leaves the file behind; `updated`, `host` and `pid` then show it. What cannot be
    written (a full disk) is left out: the job goes on.
    """

    def __init__(self, path: Path | None, label: str) -> None:
        self._path = path
        self._facts: dict[str, Any] = {"label": label, "host": socket.gethostname(), "pid": os.getpid()}
        self._throttle = Throttle()

    def __enter__(self) -> Self:
        self._facts["started"] = time.time()
        self.update()
        return self

    def __exit__(self, *error: object) -> None:
        if self._path:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)

    @property
    def due(self) -> bool:
        """Whether an update would be written now."""
        return self._path is not None and not self._throttle.left

    def update(self, **facts: Any) -> None:
        """Write these facts, beside the earlier ones, unless it was done just now."""
        self._facts |= facts
        if not self.due:
            return
        with self._throttle.writing(), suppress(OSError, ValueError):
            write_progress(self._path, self._facts | {"updated": time.time()})
