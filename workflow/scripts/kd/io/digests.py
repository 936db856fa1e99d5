"""What is in the user's own files, each read once. Standard library only: the Snakefile asks every time."""

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path

from kd.io.files import sha256, write_text

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
        known = self._before.get(key)
        if known is None:
            known = sha256(file)
        self._now[key] = known
        return known

    def save(self) -> None:
        """Write what is new; a folder that cannot be written to is no reason to stop."""
        if self._now != self._before:
            with suppress(OSError):
                write_text(self._path, json.dumps(self._now))
