"""Which of the GPUs a job takes: Snakemake counts how many are in use, but gives out none in particular."""

import fcntl
import itertools
import os
import tempfile
import time
from pathlib import Path
from typing import IO

from kd.io.log import logger

# A scheduler gives each job devices of its own, which may have the same numbers in all of them.
SCHEDULED = ("SLURM_JOB_ID", "SLURM_STEP_ID", "PBS_JOBID", "LSB_JOBID")
_held: list[IO[str]] = []  # locks live as long as the process: the kernel frees them however it ends


def take_slot(devices: int, slots_per_device: int) -> int:
    """The number (from 0) of the visible device that this job may use, one of its slots locked until it ends.

    Devices are filled evenly. When every slot is taken it waits for one. Only jobs to which a scheduler has
    given the same devices share slots: one that has a device of its own takes it without waiting, and a
    workflow that runs inside a job of several GPUs spreads over them.
    """
    for attempt in itertools.count():
        for slot, device in itertools.product(range(slots_per_device), range(devices)):
            if _lock(_name(device), slot):
                return device
        if attempt == 0:
            text = "waits for a free GPU: %d of them, compute.slots_per_device: %d, and all are taken"
            logger.info(text, devices, slots_per_device)
        time.sleep(0.2)


def _name(device: int) -> str:
    """Identifies the device among all of the machine, also when some are hidden from this job."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    own = visible.split(",")[device].strip() if visible else str(device)
    jobs = [os.environ[name] for name in SCHEDULED if name in os.environ]
    return "-".join([*jobs, own]).replace("/", "-")


def _lock(name: str, slot: int) -> bool:
    folder = Path(tempfile.gettempdir()) / f"kd-gpu-slots-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    file = open(folder / f"{name}-{slot}", "w")  # noqa: SIM115 (stays open)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return False
    _held.append(file)
    return True
