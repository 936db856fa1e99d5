"""Files and folders that are either whole or absent."""

import errno
import glob
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

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


class NotRead(UserError):
    """A file that the system does not let be read, so that nothing is known of what it holds."""

    def __init__(self, path: str | os.PathLike[str], error: OSError) -> None:
        self.missing = isinstance(error, FileNotFoundError)
        super().__init__(f"{path}: cannot be read: {error.strerror or error}; mend that and run again")


@contextmanager
def reading(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn the system's error about a file, such as EACCES, EIO or EMFILE, into NotRead.

    Libraries raise OSError without a number for content that is wrong; that is raised as it is.
    """
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise NotRead(path, error) from error


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

    Whether one of another machine lives is not known here: it is taken for dead when its folder has not
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


def existing_folder(path: Path) -> Path:
    """`path`, or the nearest folder above it that is there; UserError if something else is in the way.

    A link that leads nowhere is something else: to a disk that is not mounted, or to itself.
    """
    there = next(place for place in (path, *path.absolute().parents) if os.path.lexists(place))
    if there.is_symlink() and not there.exists():
        raise UserError(
            f"{there}: this link leads to {there.readlink()}, where there is nothing; mount or make it, or"
            " remove the link"
        )
    if not there.is_dir():
        raise UserError(f"{there}: a folder is needed here, and this is none; move it away")
    return there


def refuse_unwritable(folder: Path) -> None:
    """UserError if nothing can be written into `folder`, or it could not be made."""
    there = existing_folder(folder)
    if not os.access(there, os.W_OK | os.X_OK):
        raise UserError(
            f"{there.absolute()}: this folder cannot be written to, as {folder} has to be; change its"
            " permissions or mount, or run elsewhere with --directory"
        )


def sha256(path: str | os.PathLike[str]) -> str:
    """SHA-256 of what a file holds, as 64 hexadecimal digits; OSError if it cannot be read."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_sum(path: Path, expected: str) -> None:
    """UserError if `path` has another SHA-256: it was right when it was fetched, and a disk can forget."""
    with reading(path):
        actual = sha256(path)
    if actual != expected:
        raise UserError(
            f"{path}: the checksum is wrong: SHA-256 {expected} expected, {actual} got; delete it and run"
            " again"
        )


def refuse_changed(path: Path, expected: str) -> None:
    """UserError if a file of the user's cannot be read, or has changed since the study was read."""
    with reading(path):
        actual = sha256(path)
    if actual != expected:
        raise UserError(f"{path}: has changed since the study was read; run again")


def digest(text: str, *files: Path) -> str:
    """A name of 16 hexadecimal digits for what this text and the contents of these files make.

    Raises NotRead for a file that cannot be read.
    """
    together = hashlib.sha256(text.encode())
    for path in files:
        with reading(path):
            together.update(bytes.fromhex(sha256(path)))
    return together.hexdigest()[:16]


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any) -> None:
    """Write `content` as indented JSON with sorted keys; NaN and infinity are refused (ValueError)."""
    text = json.dumps(content, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False)
    write_text(path, text + "\n")


def read_json(path: Path) -> Any:
    """What write_json wrote; UserError naming the file if it cannot be read or is not whole."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise not_whole(path, error) from error


def not_whole(path: Path, reason: object, what: str = "whole") -> UserError:
    """A file of the workflow's own that is cut short or changed, or, for the system's error, is not read."""
    if isinstance(reason, OSError) and reason.errno is not None:
        return NotRead(path, reason)
    return unfit(path, f"not {what} ({reason})")


def unfit(path: Path, what: str) -> UserError:
    """What is wrong with a file of the workflow's own, and its remedy."""
    return UserError(f"{path}: {what}; delete it to have it made again")
