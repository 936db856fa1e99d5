"""One process at a time: locks that hold on every disk, and end with the process that holds them."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLease, Timeout

from kd.io.atomic import not_written
from kd.io.log import logger

# What flock answers on a disk that has no locks: NFS without its daemon, Lustre mounted without flock.
_NO_FLOCK = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP}
LEASE = 30.0  # seconds after which a process that no longer renews its lease has lost it


@contextmanager
def locked(path: Path, waiting: str) -> Iterator[None]:
    """Hold the lock `path`, a file that stays, while the block runs.

    If another process holds it, `waiting` is logged once. The kernel frees the lock of a process that dies.
    On a disk without such locks the file `path`.lease names its owner, who renews it; the lease of one that
    has died is taken over after LEASE seconds, or at once on the same machine. Raises NotWritten, naming
    `path`, where neither can be had.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = _acquired(path, waiting)
    except OSError as error:
        raise not_written(path, error, "cannot be locked") from error
    try:
        yield
    finally:
        lock.release()


def _acquired(path: Path, waiting: str) -> BaseFileLock:
    try:
        return _wait(FileLock(path, fallback_to_soft=False), waiting)
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno not in _NO_FLOCK:
            raise
        logger.info("%s: this disk has no locks (flock); leases take their place", path)
        return _wait(SoftFileLease(f"{path}.lease", lease_duration=LEASE), waiting)


def _wait(lock: BaseFileLock, waiting: str) -> BaseFileLock:
    try:
        lock.acquire(timeout=0)
    except Timeout:
        logger.warning("%s", waiting)
        lock.acquire()
    return lock
