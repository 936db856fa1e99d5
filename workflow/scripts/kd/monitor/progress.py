"""How far a running job is, in a small file for monitors. No result depends on it."""

import json
import os
import socket
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from kd.monitor.clock import Throttle


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

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
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
