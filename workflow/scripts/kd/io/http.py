"""HTTP requests for files: which responses are final, what is tried again, and after how long."""

import threading
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from itertools import count
from typing import TypeVar

import requests
from requests.exceptions import InvalidSchema, InvalidURL, MissingSchema
from urllib3.exceptions import HTTPError, InvalidHeader, MaxRetryError
from urllib3.util import Retry

TIMEOUT = (10, 30)  # seconds: to connect, and between two bytes
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


class _Own(threading.local):
    """A session for each thread, for they are not made to be shared."""

    def __init__(self) -> None:
        self.session = requests.Session()


_own = _Own()


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
    Raises Refused, GivenUp, and one of WRONG_ADDRESS for an invalid address.
    """
    for number in count(1):
        asked = None
        try:
            sent = IDENTITY | dict(headers())
            with _own.session.get(url, stream=True, timeout=TIMEOUT, headers=sent) as response:
                status = f"the server answered {response.status_code} {response.reason}"
                if response.status_code in TRANSIENT:
                    with suppress(InvalidHeader):
                        asked = Retry().get_retry_after(response.raw)
                    raise BadBody(status)
                if response.status_code not in accepted:
                    raise Refused(status)
                return read(response)
        except WRONG_ADDRESS:
            raise
        except (BadBody, requests.RequestException, HTTPError) as error:
            reason = _reason(error)
            if number == attempts:
                raise GivenUp(f"in {attempts} tries: {reason}") from error
        seconds = asked or pause * 2 ** (number - 1)
        wait(f"try {number} of {attempts} failed: {reason}", min(seconds, LONGEST))


def _reason(error: Exception) -> object:
    """Without what urllib3 says of the one try that it makes by itself."""
    cause = error.args[0] if error.args else None
    return cause.reason if isinstance(cause, MaxRetryError) else error
