"""A job ends with the Snakemake that started it: it would overwrite what a later run makes."""

import ctypes
import os
import select
import shlex
import signal
import socket
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from kd.errors import UserError, without_password

COMMAND = "KD_COMMAND"  # the command line of the Snakemake that starts the jobs of this machine
VARIABLE = "KD_SNAKEMAKE"  # host, number and start of each Snakemake above a job, by which it knows them
POLL = 1.0  # seconds, where the system does not report the end of a process
_PR_SET_PDEATHSIG = 1  # of Linux's prctl.h


def announce_snakemake(*, main: bool) -> None:
    """Tell the jobs which process starts them: this one, and unless it is the `main` one those above it."""
    pid = os.getpid()
    above = [] if main else os.environ.get(VARIABLE, "").split()
    own = f"{socket.gethostname()}:{pid}:{_start_of(pid)}"
    os.environ[VARIABLE] = " ".join(dict.fromkeys([*above, own]))


def announce_command(arguments: Sequence[str]) -> None:
    """Tell the jobs on this machine how it was started, as one types it; without passwords in addresses."""
    program, *others = arguments
    path = Path(program)  # of `python -m snakemake` it is a file in the package of that name
    name = path.parent.name if path.name == "__main__.py" else path.name
    os.environ[COMMAND] = without_password(shlex.join([name, *others]))


def command() -> str:
    """What announce_command was told; empty where it was not called."""
    return os.environ.get(COMMAND, "")


def end_with_snakemake() -> None:
    """Send this process SIGTERM when a Snakemake that was announced to it ends; UserError if one has already.

    Snakemake ends its jobs itself in every case but one, that of being killed with SIGKILL.
    """
    for announced in os.environ.get(VARIABLE, "").split():
        host, pid, start = announced.rsplit(":", 2)
        if host == socket.gethostname():
            _end_with(int(pid), start)


def die_with_parent(pid: int) -> None:
    """Have this process killed when its parent `pid` ends, in whatever way; at once if it has already.

    Linux does so itself, also while the process waits for a device. Elsewhere it gets SIGTERM.
    """
    start = _start_of(pid)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        _end_with(pid, start)
    if os.getppid() != pid:
        os.kill(os.getpid(), signal.SIGKILL)


def _end_with(pid: int, start: str) -> None:
    gone = UserError(f"the Snakemake that started this job, process {pid}, has ended; run again")
    try:
        descriptor = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else None
    except ProcessLookupError:
        raise gone from None
    except OSError:  # the kernel or a container does not have it
        descriptor = None
    if _start_of(pid) != start:  # asked after the descriptor was opened: the number may be another process's
        raise gone
    threading.Thread(target=_wait_for, args=(pid, start, descriptor), daemon=True).start()


def _wait_for(pid: int, start: str, descriptor: int | None) -> None:
    if descriptor is not None:
        select.select([descriptor], [], [])  # readable when the process has ended
    while _start_of(pid) == start and descriptor is None:
        time.sleep(POLL)
    os.kill(os.getpid(), signal.SIGTERM)


def _start_of(pid: int) -> str:
    """When a process began, in a form that only this system compares; empty if there is no such process."""
    try:
        # On Linux in ticks since the machine started, which no change of the clock moves.
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        return text.rpartition(")")[2].split()[
            19
        ]  # the name of the program, in parentheses, may hold anything
    except (OSError, IndexError):
        pass
    try:
        return str(psutil.Process(pid).create_time())
    except psutil.Error:
        return ""
