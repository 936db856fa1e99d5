"""Fetches many small files side by side. Some may fail; the next candidates then take their places."""

import time
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from functools import partial
from itertools import islice
from typing import TypeVar

import requests

from kd.errors import UserError, without_password
from kd.io.log import logger
from kd.io.progress import Progress
from kd.io.web import http

PAUSE = 1.0  # seconds before the second try; twice that before the third, and so on
LARGEST = 64_000_000  # bytes of one file; who sends more sends something else
LONGEST = 120.0  # seconds for one file

Place = TypeVar("Place", bound=Hashable)
Candidate = TypeVar("Candidate")
Result = TypeVar("Result")


class Failed(Exception):
    """What is wrong with one candidate, which is then left out."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"{url}: {reason}")
        self.reason = reason


def fetch(url: str) -> bytes:
    """What is at `url`; Failed if it is not to be had.

    Broken connections, short bodies and 5xx answers are tried again.
    """
    address = without_password(url)
    try:
        return http.get(url, partial(_body, address), pause=PAUSE)
    except (http.Refused, *http.WRONG_ADDRESS) as error:
        raise Failed(address, str(error)) from error
    except http.GivenUp as error:
        raise Failed(address, f"not fetched {error}") from error


def _body(address: str, response: requests.Response) -> bytes:
    """The content; one that is cut off is noticed when it is read as an image, at the latest."""
    content, ends = bytearray(), time.monotonic() + LONGEST
    for piece in http.body(response, LARGEST):
        content += piece
        if time.monotonic() > ends:
            raise Failed(address, f"it took longer than {LONGEST:.0f} s")
    length = http.length_of(response)
    if length is not None and len(content) != length:
        raise http.BadBody(f"{len(content)} of {length} bytes came")
    return bytes(content)


def first_good(
    candidates: Mapping[Place, Sequence[Candidate]],
    count: Mapping[Place, int],
    make: Callable[[Candidate], Result],
    *,
    workers: int,
    tolerated: int,
) -> tuple[dict[Place, list[tuple[Candidate, Result]]], list[tuple[Candidate, Failed]]]:
    """The first `count` candidates of each place that `make` does not fail for, and those that it fails for.

    `make` is called in `workers` threads at once, yet what comes out depends on who fails alone: as many as
    are wanted are tried, then as many as failed of those that follow, and so on. Fewer come where the
    candidates are used up. Raises UserError when more than `tolerated` have failed.
    """
    good: dict[Place, list[tuple[Candidate, Result]]] = {place: [] for place in candidates}
    queues = {place: iter(queue) for place, queue in candidates.items()}
    failed: list[tuple[Candidate, Failed]] = []
    pool = ThreadPoolExecutor(workers)
    try:
        with Progress("images", line=describe) as progress:
            progress.total = sum(count.values())
            while batch := {
                pool.submit(make, candidate): (place, candidate)
                for place, queue in queues.items()
                for candidate in islice(queue, count[place] - len(good[place]))
            }:
                _await(batch, progress, failed, tolerated)
                for future, (place, candidate) in batch.items():
                    if failure := future.exception():
                        failed.append((candidate, failure))
                    else:
                        good[place].append((candidate, future.result()))
        return good, failed
    finally:
        pool.shutdown(cancel_futures=True)  # or what waits would still be fetched after an error


def _await(batch: Iterable[Future], progress: Progress, before: Sequence, tolerated: int) -> None:
    """Return when all is done; UserError as soon as more than `tolerated` failed, those `before` included."""
    failures = [failure for _, failure in before]
    for future in as_completed(batch):
        failure = future.exception()
        if not isinstance(failure, Failed):
            future.result()  # raises what is no failure of one candidate
            progress.done += 1
            continue
        failures.append(failure)
        logger.warning("left out: %s", failure)
        if len(failures) > tolerated:
            raise UserError(
                f"{len(failures)} images could not be had, and dataset.tolerated_failures allows {tolerated}"
                f" of {progress.total:,}; the first: {failures[0]}; try again later, raise that share, or"
                " name another address in dataset.mirror"
            )


def describe(done: int, total: int | None, speed: float) -> str:
    """One line of progress from the numbers of images done, in all, and a second."""
    left = f", {(total - done) / speed:.0f} s left" if total and speed else ""
    return f"{done:,} of {total or 0:,}, {speed:.1f} a second{left}"
