"""What is in the user's own files, each read once. Standard library only: the Snakefile asks every time."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kd.io.files import sha256, write_text

CACHE = Path(".snakemake/kd-listings")


@contextmanager
def kept_digests(
    place: str, cache: Path = CACHE, *, write: bool = True
) -> Iterator[Callable[[os.DirEntry | Path], str]]:
    """A function that gives the SHA-256 of a file; it is kept by the file's name, size, times and inode.

    The time of its last change and the inode are what no copy, exchange or restored date keeps.

    `place`: what they are the files of, which names the file in `cache` that keeps them. A folder that cannot
    be written to is no reason to stop. Those of files that were not asked for are forgotten; where these are
    not all files of the place, `write` should be False.
    """
    name = hashlib.sha256(os.fsencode(Path(place).expanduser().absolute())).hexdigest()
    path, now = cache / f"{name}.json", {}
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        before = {}  # a lost or broken cache costs time and nothing else

    def digest(file: os.DirEntry | Path) -> str:
        stat = file.stat()
        state = (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)
        key = "\0".join([os.fspath(file), *map(str, state)])
        now[key] = now.get(key) or before.get(key) or sha256(file)
        return now[key]

    yield digest
    if write and now != before:
        with suppress(OSError):
            write_text(path, json.dumps(now))
