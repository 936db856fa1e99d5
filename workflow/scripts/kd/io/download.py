"""Fetches a file over HTTP until its checksum is right, or says why that cannot be."""

import base64
import hashlib
import logging
import time
from pathlib import Path

import requests
import urllib3
from requests.exceptions import InvalidSchema, InvalidURL, MissingSchema

from kd.errors import UserError
from kd.io.files import atomic
from kd.io.progress import Progress

TIMEOUT = (10, 30)  # seconds: to connect, and between two bytes
CHUNK = 1 << 18  # bytes
PARTIAL, UNSATISFIABLE = 206, 416  # answers to a request for the rest of a file
TEMPORARY = (408, 425, 429)  # of the 4xx answers, those that another try may change; so may any 5xx

log = logging.getLogger("kd")


class _Failed(Exception):
    """A try that went wrong in a way that the next one may not."""


def download(url: str, path: Path, sha256: str | None, *, attempts: int = 5, pause: float = 1.0) -> None:
    """Download `url` to `path`, which is whole and has the checksum `sha256` or does not appear at all.

    Where no checksum is known (None), it is the length that the server names, and the MD5 where it sends one.

    What a broken connection, or a process that was killed, has fetched is kept beside it and not again.
    Broken connections, 5xx answers, short bodies and wrong checksums are tried again up to `attempts` times
    in all, after `pause` seconds, then twice that, and so on. Raises UserError naming the address: at once
    when the server says that the file is not to be had, and with the last error after the last try.
    """
    for attempt in range(1, attempts + 1):
        try:
            return _fetch(url, path, sha256)
        except (MissingSchema, InvalidSchema, InvalidURL) as error:
            raise UserError(f"dataset.mirror: {error}; an address begins with https:// or http://") from error
        except (_Failed, requests.RequestException, urllib3.exceptions.HTTPError) as error:
            if attempt == attempts:
                raise UserError(
                    f"{url}: not downloaded in {attempts} tries: {error}; try again later, or name another"
                    " address in dataset.mirror"
                ) from error
            log.warning("try %d of %d failed: %s", attempt, attempts, error)
            _wait(pause * 2 ** (attempt - 1))


def _fetch(url: str, path: Path, sha256: str | None) -> None:
    """One try, which goes on from what earlier ones left in a file beside `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    version = path.with_name(f".{path.name}.etag")  # of what `part` begins; a checksum tells more
    known = version.read_text() if version.exists() else ""
    have = part.stat().st_size if part.exists() and (sha256 or known) else 0
    log.info("downloading %s%s", url, f" from {have / 1e6:.1f} MB on" if have else "")
    # identity: a server may otherwise pack the body, or call a .gz file packed, and the checksum be off
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    headers |= {"If-Range": known} if have and not sha256 else {}
    with (
        Progress(path.name) as progress,
        requests.get(url, stream=True, timeout=TIMEOUT, headers=headers) as response,
    ):
        if response.status_code == UNSATISFIABLE:
            part.unlink()
            raise _Failed("what there was of the file does not fit the server's; it is fetched anew")
        _check_status(response, url)
        if response.status_code != PARTIAL or not _continues(response, have):
            have = 0
            _remember(version, response, sha256)
        length = response.headers.get("Content-Length", "")
        progress.done, progress.total = have, have + int(length) if length.isdecimal() else None
        _save(response, part, have, progress)
        if progress.total is not None and progress.done != progress.total:
            raise _Failed(f"{progress.done} of {progress.total} bytes came")
    checked = _check_sum(part, sha256) if sha256 else _check_md5(part, response)
    version.unlink(missing_ok=True)
    with atomic(path) as temporary:
        part.replace(temporary)
    log.info("%s: %.1f MB, %s", path.name, progress.done / 1e6, checked)


def _continues(response: requests.Response, have: int) -> bool:
    """True, or _Failed if the body does not begin where it was asked to."""
    if response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
        return True
    raise _Failed("the server sent another part of the file than it was asked for")


def _remember(version: Path, response: requests.Response, sha256: str | None) -> None:
    """Keep the server's name for this version of a file, so that another one is not taken for its rest."""
    tag = response.headers.get("ETag", "")
    if not sha256 and tag.startswith('"'):  # others, "weak" ones, do not promise the same bytes
        version.write_text(tag)
    else:
        version.unlink(missing_ok=True)


def _check_md5(part: Path, response: requests.Response) -> str:
    """Compare with the MD5 of Google's storage: x-goog-hash: crc32c=..., md5=... (in base 64)."""
    named = [item.strip() for item in response.headers.get("x-goog-hash", "").split(",")]
    expected = next((item.removeprefix("md5=") for item in named if item.startswith("md5=")), None)
    packed = response.headers.get("x-goog-stored-content-encoding", "identity") != "identity"
    if expected is None or packed:  # it is then of the packed bytes, which were unpacked on the way
        return "as many bytes as the server named"
    with open(part, "rb") as file:
        got = base64.b64encode(hashlib.file_digest(file, "md5").digest()).decode()
    if got != expected:
        part.unlink()
        raise _Failed(f"the checksum is wrong: MD5 {expected} expected, {got} got")
    return "the server's checksum is right"


def _check_sum(part: Path, sha256: str) -> str:
    with open(part, "rb") as file:
        page = file.read(CHUNK).lstrip().startswith(b"<")
        file.seek(0)
        got = hashlib.file_digest(file, "sha256").hexdigest()
    if got != sha256:
        part.unlink()
        what = "a web page came instead of the file" if page else "the checksum is wrong"
        raise _Failed(f"{what}: SHA-256 {sha256} expected, {got} got")
    return "the checksum is right"


def _check_status(response: requests.Response, url: str) -> None:
    answer = f"{response.status_code} {response.reason}"
    if response.status_code >= 500 or response.status_code in TEMPORARY:
        raise _Failed(f"the server answered {answer}")
    if response.status_code not in (200, PARTIAL):
        raise UserError(f"{url}: the server answered {answer}; dataset.mirror must name a folder that has it")


def _save(response: requests.Response, part: Path, have: int, progress: Progress) -> None:
    """Write the body behind the first `have` bytes of `part`, as it comes over the wire."""
    with open(part, "r+b" if have else "wb") as file:
        file.seek(have)
        for chunk in response.raw.stream(CHUNK, decode_content=False):
            file.write(chunk)
            progress.done += len(chunk)


def _wait(seconds: float) -> None:
    """Sleep, and say every few seconds how much longer."""
    while seconds > 0:
        log.info("trying again in %.0f s", seconds)
        time.sleep(min(seconds, 4))
        seconds -= 4
