"""What is in the user's own files, each read once. Standard library only: the Snakefile asks every time."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kd.errors import UserError
from kd.io.files import write_text

CACHE = Path(".snakemake/kd-listings")


class Digests:
    """Digests of files by their name, size and time, kept in a file of their own."""

    def __init__(self, place: str | Path, cache: Path = CACHE) -> None:
        """`place`: what they are the files of, which names the file that keeps them."""
        name = hashlib.sha256(os.fsencode(Path(place).expanduser().absolute())).hexdigest()
        self._path = cache / f"{name}.json"
        try:
            self._before = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self._before = {}  # a lost or broken cache costs time and nothing else
        self._now: dict[str, str] = {}

    def find(self, file: os.DirEntry | Path) -> str:
        """SHA-256 of a file's content."""
        stat = file.stat()
        key = f"{os.fspath(file)}\0{stat.st_size}\0{stat.st_mtime_ns}"
        found = self._before.get(key)
        if found is None:
            with open(file, "rb") as content:
                found = hashlib.file_digest(content, "sha256").hexdigest()
        self._now[key] = found
        return found

    def save(self) -> None:
        """Write what is new; a folder that cannot be written to is no reason to stop."""
        if self._now != self._before:
            with suppress(OSError):
                write_text(self._path, json.dumps(self._now))


def content(path: str, key: str, cache: Path = CACHE) -> str:
    """SHA-256 of the user's file `path`, as hexadecimal; a leading ~ is the home folder.

    It stays when the file is moved or touched. Raises UserError naming `key` if it cannot be read.
    """
    with reading(path, key):
        known = Digests(path, cache)
        found = known.find(Path(path).expanduser())
    known.save()
    return found


@contextmanager
def reading(path: str, key: str) -> Iterator[None]:
    """Turn what the system says of a file into a UserError that names the config's key."""
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{key}: {path[:60]!r} cannot be read: {reason}") from error
