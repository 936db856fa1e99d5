"""How a job stops early: by a signal, or because the Snakemake that started it has died."""

import os
import select
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType


class Stopped(Exception):
    """The process was stopped by a signal, after it had saved its state."""


class StopSignal:
    """Whether this process has been asked to stop, by SIGTERM (a cluster, `kill`) or SIGINT (Ctrl-C)."""

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
        before = {number: signal.signal(number, self._note) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, signal.SIG_IGN if self() else handler)


def end_with_snakemake() -> None:
    """Send this process SIGTERM when the Snakemake that started it dies: its result would not be read.

    Snakemake ends its jobs itself in every case but one, that of being killed with SIGKILL. Where the
    system cannot report that (other than Linux), or no ancestor is Snakemake, nothing is done.
    """
    above = _snakemake_above(os.getpid())
    if above is None or not hasattr(os, "pidfd_open"):
        return
    try:
        descriptor = os.pidfd_open(above)
    except ProcessLookupError:  # it died just now
        os.kill(os.getpid(), signal.SIGTERM)
        return
    threading.Thread(target=_wait_for, args=(descriptor,), daemon=True).start()


def _wait_for(descriptor: int) -> None:
    select.select([descriptor], [], [])  # readable when the process has ended
    os.kill(os.getpid(), signal.SIGTERM)


def _snakemake_above(pid: int) -> int | None:
    """The nearest ancestor that runs Snakemake; between it and a job there is a shell."""
    try:
        while pid > 1:
            # The second field is the program's name in parentheses, which may hold anything.
            pid = int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
            if b"snakemake" in Path(f"/proc/{pid}/cmdline").read_bytes():
                return pid
    except (OSError, IndexError):
        pass
    return None
