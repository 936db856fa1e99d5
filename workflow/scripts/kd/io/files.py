"""Files and folders that are either whole or absent."""

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


class NotWritten(UserError, OSError):
    """A file that could not be written: the disk is full, or the place is not to be written to."""


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` when the block ends without an error.

    A reader therefore never sees half a file, and a failed writer leaves nothing behind.
    The suffix is kept, because several libraries choose the format by it.
    Raises NotWritten, which names `path`, for any OSError.
    """
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(path)
        yield temporary
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        temporary.chmod(0o666 & ~_UMASK)  # safetensors makes files that only their owner can read
        temporary.replace(path)
    except OSError as error:
        reason = error.strerror or error
        raise NotWritten(f"{path}: cannot be written: {reason}; mend that and run again") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _remove_abandoned(path: Path) -> None:
    """Temporary files of processes that were killed while they wrote `path`."""
    for other in path.parent.glob(f".{glob.escape(path.stem)}.*{glob.escape(path.suffix)}"):
        number = other.name.removeprefix(f".{path.stem}.").removesuffix(path.suffix)
        if number.isdecimal() and not runs_here(int(number)):
            other.unlink(missing_ok=True)


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
    """`path`, or the nearest folder above it that is there; UserError if something else is in the way."""
    there = next(place for place in (path, *path.absolute().parents) if place.exists())
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
    try:
        actual = sha256(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error}") from error
    if actual != expected:
        raise UserError(
            f"{path}: the checksum is wrong: SHA-256 {expected} expected, {actual} got; delete it and run"
            " again"
        )


def refuse_changed(path: Path, expected: str) -> None:
    """UserError if a file of the user's has another SHA-256 than when the study was read."""
    if sha256(path) != expected:
        raise UserError(f"{path}: has changed since the study was read; run again")


def digest(text: str, *files: Path) -> str:
    """A name of 16 hexadecimal digits for what this text and the contents of these files make."""
    together = hashlib.sha256(text.encode())
    for path in files:
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
    """What write_json wrote; UserError naming the file if it is not whole."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise not_whole(path, error) from error


def not_whole(path: Path, reason: object, what: str = "whole") -> UserError:
    """A file of the workflow's own that is cut short or changed."""
    return unfit(path, f"not {what} ({reason})")


def unfit(path: Path, what: str) -> UserError:
    """What is wrong with a file of the workflow's own, and its remedy."""
    return UserError(f"{path}: {what}; delete it to have it made again")


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a new folder beside `path`, which takes its place when the block ends without an error.

    What was at `path` is gone in any case. Raises NotWritten, which names `path`, for any OSError.
    """
    temporary = path.with_name(f".{path.name}.making")  # one job at a time makes it
    try:
        for old in (temporary, path):
            shutil.rmtree(old, ignore_errors=True)
        temporary.mkdir(parents=True)
        yield temporary
        for file in sorted(temporary.iterdir()):
            with open(file, "rb") as written:
                os.fsync(written.fileno())
        temporary.rename(path)
    except OSError as error:
        reason = error.strerror or error
        raise NotWritten(f"{path}: cannot be written: {reason}; mend that and run again") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
