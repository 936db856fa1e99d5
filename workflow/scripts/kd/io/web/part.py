"""What has come of a file that is downloaded: kept, continued by the next try or process, and verified."""

import base64
import hashlib
import re
import shutil
from pathlib import Path

import requests

from kd.errors import without_password
from kd.io.atomic import atomic
from kd.io.files import sha256
from kd.io.log import logger
from kd.io.progress import Progress
from kd.io.web import http
from kd.io.web.http import CHUNK, BadBody

PARTIAL, UNSATISFIABLE = 206, 416  # statuses of a request for the rest of a file
ACCEPTED = (200, PARTIAL, UNSATISFIABLE)
LARGEST = 64 * 10**9  # bytes of a file whose length nobody names


class Part:
    """What has come of a file, kept beside it, so that the next try or process goes on from there."""

    def __init__(
        self, url: str, path: Path, checksum: str | None, size: int | None, progress: Progress
    ) -> None:
        self._url, self._target, self._progress = url, path, progress
        self._checksum, self._size = checksum, size
        self._path = path.with_name(f".{path.name}.part")
        self._version = path.with_name(f".{path.name}.etag")  # of the whole; with a checksum not needed
        self._have = 0  # bytes

    def headers(self) -> dict[str, str]:
        """Those that ask for what is missing."""
        known = self._version.read_text() if self._version.exists() else ""
        self._have = self._path.stat().st_size if self._path.exists() and (self._checksum or known) else 0
        rest = f" from {self._have / 1e6:.1f} MB on" if self._have else ""
        logger.info("downloading %s%s", without_password(self._url), rest)
        if not self._have:
            return {}
        return {"Range": f"bytes={self._have}-"} | ({} if self._checksum else {"If-Range": known})

    def fill(self, response: requests.Response) -> str:
        """Save the body, verify the file and move it to its place; returns what it was verified by."""
        progress = self._progress
        if response.status_code == UNSATISFIABLE:
            self._path.unlink()
            raise BadBody("what there was of the file does not fit the server's; all of it is fetched again")
        if response.status_code != PARTIAL:
            self._have = 0
            self._remember_version(response)
        elif not response.headers.get("Content-Range", "").startswith(f"bytes {self._have}-"):
            raise BadBody("the server sent another part of the file than it was asked for")
        length = http.length_of(response)
        progress.done, progress.total = self._have, None if length is None else self._have + length
        self._check_length(response)
        self._save(response)
        if progress.total is not None and progress.done != progress.total:
            raise BadBody(f"{progress.done} of {progress.total} bytes came")
        part, expected = self._path, self._checksum
        checked = _check_sum(part, expected) if expected else _check_md5(part, response)
        self._version.unlink(missing_ok=True)
        with atomic(self._target) as temporary:
            self._path.replace(temporary)
        return checked

    def _remember_version(self, response: requests.Response) -> None:
        """Keep the server's name for this version of the file: the rest of another must not follow."""
        tag = response.headers.get("ETag", "")
        if not self._checksum and tag.startswith('"'):  # others, "weak" ones, do not promise the same bytes
            self._version.write_text(tag)
        else:
            self._version.unlink(missing_ok=True)

    def _check_length(self, response: requests.Response) -> None:
        """Before a byte is taken: what is known of the length by now."""
        total = self._progress.total
        if total is not None and total != (self._size or total):
            self._path.unlink(missing_ok=True)
            page = response.headers.get("Content-Type", "").startswith("text/html")
            what = "a web page came instead of the file" if page else "this is another file"
            raise BadBody(f"{what}: the server names {total:,} bytes, and the file has {self._size:,}")
        if total is None and not self._checksum and not response.raw.chunked:
            raise http.Refused("the server names no length, without which nobody knows whether all has come")
        free = shutil.disk_usage(self._path.parent).free
        if total is not None and total - self._have > free:
            raise http.Refused(
                f"it has {total / 1e6:,.1f} MB by the server, and the disk has {free / 1e6:,.1f} MB free"
            )

    def _save(self, response: requests.Response) -> None:
        """Write the body behind what there is, as it comes over the wire."""
        most = (self._progress.total or self._size or LARGEST) - self._have
        with open(self._path, "ab" if self._have else "wb") as file:
            for piece in http.body(response, most):
                file.write(piece)
                self._progress.done += len(piece)


def _check_md5(part: Path, response: requests.Response) -> str:
    """Compare with the MD5 of Google's storage: x-goog-hash: crc32c=..., md5=... (in base 64)."""
    sent = re.search(r"\bmd5=([^,\s]+)", response.headers.get("x-goog-hash", ""))
    packed = response.headers.get("x-goog-stored-content-encoding", "identity") != "identity"
    if not sent or packed:  # it is then of the packed bytes, which were unpacked on the way
        return "all came that the server announced"
    with open(part, "rb") as file:
        got = base64.b64encode(hashlib.file_digest(file, "md5").digest()).decode()
    if got != sent[1]:
        part.unlink()
        raise BadBody(f"the checksum is wrong: MD5 {sent[1]} expected, {got} got")
    return "the server's checksum is right"


def _check_sum(part: Path, expected: str) -> str:
    if (got := sha256(part)) != expected:
        with open(part, "rb") as file:
            page = file.read(CHUNK).lstrip().startswith(b"<")
        part.unlink()
        what = "a web page came instead of the file" if page else "the checksum is wrong"
        raise BadBody(f"{what}: SHA-256 {expected} expected, {got} got")
    return "the checksum is right"
