"""One process at a time: locks that hold on every disk, and end with the process that holds them."""

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
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
    lock = _acquired(path, partial(_wait, waiting=waiting))
    try:
        yield
    finally:
        lock.release()


def is_locked(path: Path) -> bool:
    """Whether a process that lives holds the lock `path`, as far as can be seen from here."""
    try:
        _acquired(path, partial(BaseFileLock.acquire, timeout=0)).release()
    except Timeout:
        return True
    return False


def _acquired(path: Path, acquire: Callable[[BaseFileLock], object]) -> BaseFileLock:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return _some_lock(path, acquire)
    except Timeout:  # an OSError, too
        raise
    except OSError as error:
        raise not_written(path, error, "cannot be locked") from error


def _some_lock(path: Path, acquire: Callable[[BaseFileLock], object]) -> BaseFileLock:
    lock: BaseFileLock = FileLock(path, fallback_to_soft=False)
    try:
        acquire(lock)
    except Timeout:
        raise
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno not in _NO_FLOCK:
            raise
        logger.info("%s: this disk has no locks (flock); leases take their place", path)
        lock = SoftFileLease(f"{path}.lease", lease_duration=LEASE)
        acquire(lock)
    return lock


def _wait(lock: BaseFileLock, waiting: str) -> None:
    try:
        lock.acquire(timeout=0)
    except Timeout:
        logger.warning("%s", waiting)
        lock.acquire()
