"""Folders that are either whole or absent, and the digests by which their files are known."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kd.io.files import NotWritten


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
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


def sha256(path: Path) -> str:
    """Of what a file holds, as hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
