"""HTTP requests for files: which responses are final, what is tried again, and after how long."""

import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from itertools import count
from typing import TypeVar

import requests
from requests.exceptions import InvalidSchema, InvalidURL, MissingSchema
from urllib3.exceptions import HTTPError, InvalidHeader, MaxRetryError
from urllib3.util import Retry

from kd.errors import without_password
from kd.io.web.session import session

TIMEOUT = (10, 30)  # seconds: to connect, and between two bytes
SLOWEST, WINDOW = 1000.0, 60.0  # bytes a second, on average over so many seconds
CHUNK = 1 << 18  # bytes
ATTEMPTS = 5
LONGEST = 120  # seconds between two tries, whatever a server asks for
TRANSIENT = frozenset({408, 425, 429, *range(500, 600)})  # statuses that another try may change
# identity: a server may otherwise pack the body, or call a .gz file packed, and the checksum be off
IDENTITY = {"Accept-Encoding": "identity"}
WRONG_ADDRESS = (MissingSchema, InvalidSchema, InvalidURL)

Result = TypeVar("Result")


class Refused(Exception):
    """The server has refused the file; another try would not help."""


class GivenUp(Exception):
    """The last try has failed; the message has the number of tries and the reason."""


class BadBody(Exception):
    """The body is short or not what it should be; another try may bring a better one."""


def get(
    url: str,
    read: Callable[[requests.Response], Result],
    *,
    attempts: int = ATTEMPTS,
    pause: float = 1.0,
    wait: Callable[[str, float], None] = lambda _, seconds: time.sleep(seconds),
    headers: Callable[[], Mapping[str, str]] = dict,
    accepted: Collection[int] = (200,),
) -> Result:
    """What `read` makes of the server's response, whose body is not read yet.

    `read` raises BadBody for one that is to be tried again. `headers` are made for each try; `accepted` are
    the statuses that `read` knows. `wait` is called between two of the `attempts` with a line on what has
    failed and with seconds: `pause`, then twice as long each time, or as the server asks.
    Raises Refused, GivenUp, and one of WRONG_ADDRESS for an invalid address. Their messages hold no password.
    """
    for number in count(1):
        asked = None
        try:
            sent = IDENTITY | dict(headers())
            with _ask(url, sent) as response:
                status = f"the server answered {response.status_code} {response.reason}"
                if response.status_code in TRANSIENT:
                    with suppress(InvalidHeader):
                        asked = Retry().get_retry_after(response.raw)
                    raise BadBody(status)
                if response.status_code not in accepted:
                    raise Refused(status)
                return read(response)
        except WRONG_ADDRESS as error:
            raise type(error)(without_password(error)) from None
        except (BadBody, requests.RequestException, HTTPError) as error:
            reason = _reason(error)
            if number == attempts:
                raise GivenUp(f"in {attempts} tries: {reason}") from error
        seconds = asked or pause * 2 ** (number - 1)
        wait(f"try {number} of {attempts} failed: {reason}", min(seconds, LONGEST))


def _ask(url: str, headers: Mapping[str, str]) -> requests.Response:
    """The response, whose body is not read; Refused where it leads to an address that is none."""
    try:
        return session().get(url, stream=True, timeout=TIMEOUT, headers=headers)
    except (requests.RequestException, HTTPError):
        raise
    except ValueError as error:  # of urllib.parse, or of bytes that are no text
        raise Refused(f"the server leads to an address that is none ({error})") from error


def length_of(response: requests.Response) -> int | None:
    """Bytes of the body by the header, or None where there is no such number."""
    text = response.headers.get("Content-Length", "")
    return int(text) if re.fullmatch("[0-9]{1,18}", text) else None


def body(response: requests.Response, most: int) -> Iterator[bytes]:
    """The body as it comes over the wire, in pieces of CHUNK bytes at most.

    Raises BadBody where it comes slower than SLOWEST, and Refused for more than `most` bytes.
    """
    came, since, before = 0, time.monotonic(), 0
    while piece := response.raw.read1(CHUNK, decode_content=False):
        came += len(piece)
        if came > most:
            raise Refused(f"more than {most / 1e6:,.0f} MB came")
        yield piece
        seconds = time.monotonic() - since
        if seconds >= WINDOW:
            if came - before < SLOWEST * seconds:
                raise BadBody(f"{came - before:,} bytes came in {seconds:.0f} s, which is too slow")
            since, before = time.monotonic(), came


def _reason(error: Exception) -> str:
    """Without what urllib3 says of the one try that it makes by itself."""
    cause = error.args[0] if error.args else None
    return without_password(cause.reason if isinstance(cause, MaxRetryError) else error)
