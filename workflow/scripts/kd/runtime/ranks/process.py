"""One rank: a process that computes on a device of its own."""

import faulthandler
import logging
import os
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch import distributed

from kd.io.log import log_to, logger
from kd.runtime.device import memory_explained, set_up_device
from kd.runtime.guard import code_as_planned
from kd.runtime.parent import die_with_parent
from kd.runtime.ranks.failures import report
from kd.runtime.ranks.group import Ranks
from kd.settings.compute import Compute

# Seconds in which the launcher notices how another rank has ended, and ends this one: it tells of one alone.
NOTICED = 10.0
PATIENCE = timedelta(hours=1)  # with a rank that writes or fetches; one that has died is noticed at once


@dataclass(frozen=True)
class Start:
    """What a rank is started with."""

    work: Callable[[Ranks, torch.device], None]
    compute: Compute
    devices: tuple[torch.device, ...]  # of all ranks
    folder: Path  # of this launch alone
    log: str  # of the job; empty without one
    parent: int
    stop: Any  # the signal that asks the whole job to stop, in shared memory; see StopSignal


def run_rank(start: Start) -> None:
    """Do the work as one of the ranks, whose number torch's launcher tells; report an error."""
    die_with_parent(start.parent)
    rank = int(os.environ["RANK"])
    _set_up_log(start.log, first=rank == 0)
    try:
        with code_as_planned(), memory_explained(), redirect_stdout(sys.stderr):
            device = set_up_device(start.compute, start.devices[rank])
            ranks = _join(start, rank, device)
            start.work(ranks, device)
            ranks.wait()  # for the first, which writes: the end of one is the end of all
    except Exception as error:
        if report(error, start.folder / f"{rank}.json").lost_another:
            time.sleep(NOTICED)
        os._exit(1)  # not by way of what waits for the others
    distributed.destroy_process_group()


def _join(start: Start, rank: int, device: torch.device) -> Ranks:
    """Meet the others, in a file: a port would be open to other machines."""
    count = len(start.devices)
    backend = "nccl" if device.type == "cuda" else "gloo"
    distributed.init_process_group(
        backend,
        store=distributed.FileStore(str(start.folder / "store"), count),
        rank=rank,
        world_size=count,
        timeout=PATIENCE,
    )
    host = distributed.new_group(backend="gloo", timeout=PATIENCE)
    return Ranks(rank, count, host, start.stop)


def _set_up_log(path: str, *, first: bool) -> None:
    """The first rank writes to the log of the job; what libraries say of themselves goes there, too."""
    if not path:
        return
    terminal = os.fdopen(os.dup(sys.stderr.fileno()), "w", buffering=1, errors="backslashreplace")
    if first:
        log_to(path, terminal)
    else:
        logger.addHandler(logging.NullHandler())
    with open(path, "ab") as log:
        os.dup2(log.fileno(), sys.stderr.fileno())
    faulthandler.enable(sys.stderr)
