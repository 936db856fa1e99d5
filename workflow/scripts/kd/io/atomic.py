"""Writing files and folders that are either whole or absent, whatever kills the writer."""

import errno
import glob
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kd.errors import UserError

_UMASK = os.umask(0)  # it can only be read by setting it
os.umask(_UMASK)
DAY = 86_400  # seconds
FOLDER = ".d"  # ends the name of a folder in which a process writes a file


class NotWritten(UserError, OSError):
    """A file that could not be written: the disk is full, or the place is not to be written to."""

    reason: object = None  # the system's


def not_written(path: Path, error: OSError, what: str = "cannot be written") -> NotWritten:
    """The error of a file that could not be written, with the system's reason."""
    reason = getattr(error, "reason", None) or error.strerror or error
    refused = NotWritten(f"{path}: {what}: {reason}; mend that and run again")
    refused.reason = reason
    return refused


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield the path of a temporary file; rename it to `path` when the block ends without an error.

    A reader therefore never sees half a file, and a failed writer leaves nothing behind. What was renamed
    outlasts a loss of power. The suffix is kept, because several libraries choose the format by it. The file
    lies in a folder of this process, with whatever else a library writes beside it.
    Raises NotWritten, which names `path`, for any OSError.
    """
    with _own_folder(path) as folder:
        temporary = folder / f"new{path.suffix}"
        yield temporary
        temporary.chmod(0o666 & ~_UMASK)  # safetensors makes files that only their owner can read
        sync(temporary)
        # Out of the folder first: what is killed after its file took its name leaves nothing.
        written = temporary.replace(_written(folder))
        shutil.rmtree(folder, ignore_errors=True)
        written.replace(path)
        sync(path.parent)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a new folder beside `path`, which takes its place when the block ends without an error.

    What was at `path` is gone in any case. Raises NotWritten, which names `path`, for any OSError.
    """
    with _own_folder(path) as folder:
        shutil.rmtree(path, ignore_errors=True)
        yield folder
        for file in sorted(folder.iterdir()):
            sync(file)
        sync(folder)
        folder.rename(path)
        sync(path.parent)


def sync(path: Path) -> None:
    """Have the disk keep what `path` holds, a file or a folder, so that a loss of power does not take it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network disks know no sync of a folder
            raise
    finally:
        os.close(descriptor)


@contextmanager
def _own_folder(path: Path) -> Iterator[Path]:
    """A folder beside `path` that this process alone writes into, and that is gone afterwards."""
    folder = path.with_name(f".{path.name}.{os.uname().nodename}-{os.getpid()}{FOLDER}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        _remove_abandoned(path, folder)
        yield folder
    except OSError as error:
        raise not_written(path, error) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):
            _written(folder).unlink(missing_ok=True)


def _written(folder: Path) -> Path:
    """The file beside such a folder that has come out of it, and is to take its name."""
    return folder.with_name(folder.name.removesuffix(FOLDER))


def _remove_abandoned(path: Path, own: Path) -> None:
    """Remove what processes have left that were killed while they wrote `path`.

    Whether one of another machine lives is not known here: it counts as dead when its folder has not
    changed for a day.
    """
    now = own.stat().st_mtime  # by the clock of the disk
    for other in path.parent.glob(f".{glob.escape(path.name)}.*"):
        name = other.name.removeprefix(f".{path.name}.").removesuffix(FOLDER)
        host, dash, number = name.rpartition("-")
        if not dash or not number.isdecimal():
            continue
        with suppress(OSError):  # somebody else has removed it
            here = host == os.uname().nodename
            inside = other.iterdir() if other.is_dir() else ()
            changed = max(entry.stat().st_mtime for entry in (other, *inside))
            if runs_here(int(number)) if here else now - changed <= DAY:
                continue
            shutil.rmtree(other) if other.is_dir() else other.unlink()


def runs_here(pid: int) -> bool:
    """Whether a process of this number runs on this machine."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
