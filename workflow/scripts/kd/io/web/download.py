"""Downloads a file over HTTP until its checksum is right, or raises an error with the reason."""

import time
from pathlib import Path

from kd.errors import UserError, without_password
from kd.io.log import logger
from kd.io.progress import Progress
from kd.io.web import http
from kd.io.web.part import ACCEPTED, Part


def _wait(failure: str, seconds: float) -> None:
    """Say what has failed, and every few seconds how much longer it takes to the next try."""
    logger.warning("%s", failure)
    while seconds > 0:
        logger.info("trying again in %.0f s", seconds)
        time.sleep(min(seconds, 4))
        seconds -= 4


def download(
    url: str,
    path: Path,
    checksum: str | None,
    *,
    size: int | None = None,
    attempts: int = http.ATTEMPTS,
    pause: float = 1.0,
) -> None:
    """Download `url` to `path`, which is whole and has the SHA-256 `checksum` or does not appear at all.

    Where no checksum is known (None), it is the length that the server names, and the MD5 where it sends one;
    a body without either is refused. No more than `size` bytes are taken, where that is known.

    What a broken connection, or a process that was killed, has fetched is kept beside it and not again.
    Broken connections, 5xx answers, short bodies and wrong checksums are tried again up to `attempts` times
    in all, after `pause` seconds, then twice that, and so on. Raises UserError naming the address: at once
    when the server refuses the file, and with the last error after the last try.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    address = without_password(url)
    try:
        with Progress(path.name) as progress:
            part = Part(url, path, checksum, size, progress)
            tries = {"attempts": attempts, "pause": pause, "wait": _wait}
            checked = http.get(url, part.fill, headers=part.headers, accepted=ACCEPTED, **tries)
    except http.WRONG_ADDRESS as error:
        raise UserError(f"dataset.mirror: {error}; an address begins with https:// or http://") from error
    except http.Refused as error:
        raise UserError(f"{address}: {error}; dataset.mirror must name a folder that has it") from error
    except http.GivenUp as error:
        raise UserError(
            f"{address}: not downloaded {error}; try again later, or name another address in dataset.mirror"
        ) from error
    logger.info("%s: %.1f MB, %s", path.name, progress.done / 1e6, checked)
