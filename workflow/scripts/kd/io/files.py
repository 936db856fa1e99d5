"""Text, JSON and checksums of files; what is said of those that are not whole or cannot be read."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kd.errors import UserError
from kd.io.atomic import atomic


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
