"""Which of the GPUs a job takes: Snakemake counts how many are in use, but gives out none in particular."""

import errno
import fcntl
import itertools
import os
import random
import tempfile
import time
from pathlib import Path

from kd.errors import UserError
from kd.io.log import logger

# A scheduler gives each job devices of its own, which may have the same numbers in all of them.
SCHEDULED = ("SLURM_JOB_ID", "SLURM_STEP_ID", "PBS_JOBID", "LSB_JOBID")
_NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS}
_held: dict[int, int] = {}  # device: its lock, which lives as long as the process, however that ends


def take_slot(devices: int, slots_per_device: int) -> int:
    """The number of the one visible device that this job may use, as `take_slots` says."""
    return take_slots(devices, slots_per_device, 1)[0]


def take_slots(devices: int, slots_per_device: int, count: int) -> list[int]:
    """The numbers (from 0) of `count` visible devices, a slot of each locked until this process ends.

    Devices are filled evenly. When too many slots are taken it waits, and holds none meanwhile: so jobs of
    several devices never wait for each other. Only jobs to which a scheduler has given the same devices share
    slots: one that has a device of its own takes it without waiting, and a workflow that runs inside a job of
    several GPUs spreads over them. A process asks once for all it needs: asked again, it returns the same.
    Raises UserError where there are fewer devices, and where locks cannot be kept.
    """
    if _held:  # a lock would be refused to the very process that has it
        return sorted(_held)[:count]
    if devices < 1:
        raise UserError("no CUDA device is visible to this job (CUDA_VISIBLE_DEVICES?)")
    if devices < count:
        raise UserError(
            f"compute.gpus_per_job: {count}, and this job sees {devices}; lower it, or let the job see more"
            " (CUDA_VISIBLE_DEVICES)"
        )
    folder = _lock_folder()
    for attempt in itertools.count():
        locks = _locks(folder, devices, slots_per_device, count)
        if len(locks) == count:
            _held.update(locks)
            return sorted(locks)
        for lock in locks.values():
            os.close(lock)
        if attempt == 0:
            which = "a free GPU" if count == 1 else f"{count} free GPUs"
            text = "waits for %s: %d of them, compute.slots_per_device: %d, and all are taken"
            logger.warning(text, which, devices, slots_per_device)
        # Jobs that wait for several must not try in step for ever.
        time.sleep(random.uniform(0.1, 0.3))


def _locks(folder: Path, devices: int, slots_per_device: int, count: int) -> dict[int, int]:
    """By device, locks of slots on `count` devices, or of fewer where others are taken."""
    locks: dict[int, int] = {}
    for slot, device in itertools.product(range(slots_per_device), range(devices)):
        if len(locks) == count:
            break
        if device not in locks and (lock := _lock(folder, f"{_name(device)}-{slot}")) is not None:
            locks[device] = lock
    return locks


def _name(device: int) -> str:
    """Identifies the device among all of the machine, also when some are hidden from this job."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    own = visible.split(",")[device].strip() if visible else str(device)
    jobs = [os.environ[name] for name in SCHEDULED if name in os.environ]
    return "-".join([*jobs, own]).replace("/", "-")


def _lock_folder() -> Path:
    """The folder of this user's locks, which nobody else can write to or link from; UserError if they could.

    In a folder that others share, such as /tmp, one of them may have made it first.
    """
    own = os.environ.get("XDG_RUNTIME_DIR", "")
    parent = Path(own) if own and os.access(own, os.W_OK | os.X_OK) else Path(tempfile.gettempdir())
    folder = parent / f"kd-gpu-slots-{os.getuid()}"
    remedy = "remove it, or set TMPDIR to a folder of your own"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        about = folder.lstat()
    except OSError as error:
        raise UserError(f"{folder}: no folder for the locks of GPUs: {error.strerror}; {remedy}") from error
    if about.st_mode & 0o170077 != 0o040000 or about.st_uid != os.getuid():
        raise UserError(
            f"{folder}: the locks of GPUs need a folder of your own that others have no rights to;"
            f" this is {_described(about)}; {remedy}"
        )
    return folder


def _described(about: os.stat_result) -> str:
    if about.st_mode & 0o170000 == 0o120000:
        return "a link"
    return f"of user {about.st_uid}, mode {about.st_mode & 0o7777:o}"


def _lock(folder: Path, name: str) -> int | None:
    """The open file whose lock this process now has; None if another has it."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC  # what is there is never emptied
    try:
        within = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            lock = os.open(name, flags, 0o600, dir_fd=within)
        finally:
            os.close(within)
    except OSError as error:
        raise UserError(f"{folder / name}: no lock of a GPU: {error.strerror}; remove it") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    except OSError as error:
        os.close(lock)
        if error.errno not in _NO_LOCKS:
            raise
        raise UserError(
            f"{folder}: this disk has no locks (flock: {error.strerror}), which jobs that share GPUs need;"
            " set TMPDIR to a folder on a disk of this machine"
        ) from error
    return lock
