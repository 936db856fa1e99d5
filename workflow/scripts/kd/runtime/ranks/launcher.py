"""Starts the ranks of a job by torch's elastic launcher, and waits for them."""

import logging
import multiprocessing
import os
import signal
import socket
import tempfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from kd.io.log import logger
from kd.runtime.ranks.failures import first_failure, read_reports
from kd.runtime.ranks.process import Start, run_rank
from kd.runtime.signals import Stopped, StopSignal
from kd.settings.compute import Compute

LAUNCHER = ("torch.distributed", "torch.multiprocessing")  # its loggers


def launch(compute: Compute, devices: Sequence[torch.device], work: Callable) -> None:
    """Call `work` in a process for each of the `devices`, which are held by this process, until all are done.

    Its arguments are Ranks and the device. A signal that asks this process to stop is passed on.
    Raises the first error of a rank, as what it was, and Stopped after a signal.
    """
    spawning = multiprocessing.get_context("spawn")
    ending = StopSignal(spawning.RawValue("i", 0))
    with tempfile.TemporaryDirectory(prefix="kd-ranks-") as name, ending.noticed(), _silent(), _environment():
        folder = Path(name)
        start = Start(work, compute, tuple(devices), folder, _log(), os.getpid(), ending.shared)
        config = LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=len(devices),
            run_id=uuid.uuid4().hex,
            # In a file that is this user's alone: the state of the rendezvous is unpickled.
            rdzv_backend="c10d",
            rdzv_endpoint=f"{name}/rendezvous",
            rdzv_configs={"store_type": "file", "timeout": 900},
            local_addr="localhost",
            logs_specs=DefaultLogsSpecs(log_dir=name),
            max_restarts=0,
            start_method="spawn",
            signals_to_handle="",  # they are noticed here, so that a rank has the time to keep its state
        )
        try:
            elastic_launch(config, run_rank)(start)
        except ChildFailedError as error:
            if ending():
                raise Stopped(ending.name) from None
            ended = {rank: _how(failure) for rank, failure in error.failures.items()}
            raise first_failure(read_reports(folder), ended, len(devices)) from None


def _how(failure: ProcessFailure) -> str:
    if failure.exitcode < 0:
        return signal.Signals(-failure.exitcode).name
    return f"exit status {failure.exitcode}"


def _log() -> str:
    """Where the lines of this process go besides the terminal."""
    return next((file.baseFilename for file in logger.handlers if isinstance(file, logging.FileHandler)), "")


@contextmanager
def _silent() -> Iterator[None]:
    """Nothing of the launcher's own reaches the terminal: what matters is said in one line of ours."""
    before = [(log, log.handlers, log.propagate) for log in map(logging.getLogger, LAUNCHER)]
    for log, _, _ in before:
        log.handlers, log.propagate = [logging.NullHandler()], False
    try:
        yield
    finally:
        for log, handlers, propagate in before:
            log.handlers, log.propagate = handlers, propagate


@contextmanager
def _environment() -> Iterator[None]:
    """Of the ranks, which take it over: no port is open to other machines, no name of a host is asked for."""
    loopback = next((name for _, name in socket.if_nameindex() if name in ("lo", "lo0")), "")
    wanted = {"TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1", "GLOO_SOCKET_IFNAME": loopback}
    wanted |= {"TORCH_CPP_LOG_LEVEL": "ERROR"}  # no advice on the options of DistributedDataParallel
    added = {name: value for name, value in wanted.items() if value and name not in os.environ}
    os.environ |= added
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]
