"""Files that are either whole or absent."""

import glob
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_UMASK = os.umask(0)  # it can only be read by setting it
os.umask(_UMASK)


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` when the block ends without an error.

    A reader therefore never sees half a file, and a failed writer leaves nothing behind.
    The suffix is kept, because several libraries choose the format by it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    _remove_abandoned(path)
    try:
        yield temporary
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        temporary.chmod(0o666 & ~_UMASK)  # safetensors would let nobody else read its files
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _remove_abandoned(path: Path) -> None:
    """Temporary files of processes that were killed while they wrote `path`."""
    for other in path.parent.glob(f".{glob.escape(path.stem)}.*{glob.escape(path.suffix)}"):
        number = other.name.removeprefix(f".{path.stem}.").removesuffix(path.suffix)
        if number.isdecimal() and not _runs(int(number)):
            other.unlink(missing_ok=True)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def digest(text: str, *files: Path) -> str:
    """A name of 16 hexadecimal digits for what this text and the contents of these files make."""
    found = hashlib.sha256(text.encode())
    for path in files:
        with open(path, "rb") as file:
            found.update(hashlib.file_digest(file, "sha256").digest())
    return found.hexdigest()[:16]


def write_json(path: Path, content: Any) -> None:
    """Write `content` as indented JSON with sorted keys; NaN and infinity are refused (ValueError)."""
    with whole(path) as temporary:
        text = json.dumps(content, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False)
        temporary.write_text(text + "\n", encoding="utf-8")
