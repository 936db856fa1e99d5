"""HTTP requests for files: which responses are final, what is tried again, and after how long.

urllib3's Retry repeats by itself what fails before a body comes (a refused connection, a silent server, a
transient status); a body that breaks off or is wrong counts as a try of the same number.
"""

import threading
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any, Self, TypeVar

import requests
from requests.exceptions import InvalidSchema, InvalidURL, MissingSchema
from urllib3.exceptions import HTTPError, MaxRetryError
from urllib3.util import Retry

TIMEOUT = (10, 30)  # seconds: to connect, and between two bytes
CHUNK = 1 << 18  # bytes
ATTEMPTS = 5
TRANSIENT = frozenset({408, 425, 429, *range(500, 600)})  # statuses that another try may change
# identity: a server may otherwise pack the body, or call a .gz file packed, and the checksum be off
IDENTITY = {"Accept-Encoding": "identity"}
WRONG_ADDRESS = (MissingSchema, InvalidSchema, InvalidURL)

_own = threading.local()  # a session for each thread, for they are not made to be shared
Result = TypeVar("Result")


class Refused(Exception):
    """The server has refused the file; another try would not help."""


class GivenUp(Exception):
    """The last try has failed; the message has the number of tries and the reason."""


class BadBody(Exception):
    """The body is short or not what it should be; another try may bring a better one."""


class Tries(Retry):
    """The tries of one file, and the waits between them: twice as long each time, or as the server asks."""

    @classmethod
    def of(cls, attempts: int, pause: float) -> Self:
        """`attempts` in all, `pause` seconds after the first."""
        return cls(attempts - 1, backoff_factor=pause, status_forcelist=TRANSIENT, raise_on_status=False)

    def get_backoff_time(self) -> float:
        """Seconds; urllib3 itself would not wait before the second try."""
        return min(self.backoff_factor * 2 ** (len(self.history) - 1), self.backoff_max)

    def sleep(self, response: Any = None) -> None:
        """Wait; no longer than two minutes, whatever a server asks for."""
        asked = self.get_retry_after(response) if response else None
        self.wait(min(asked or self.get_backoff_time(), self.backoff_max))

    def wait(self, seconds: float) -> None:
        """Sleep."""
        time.sleep(seconds)


def get(
    url: str,
    read: Callable[[requests.Response], Result],
    tries: Tries,
    *,
    headers: Callable[[], Mapping[str, str]] = dict,
    accepted: Collection[int] = (200,),
) -> Result:
    """What `read` makes of the server's response, whose body is not read yet.

    `read` raises BadBody for one that is to be tried again. `headers` are made for each try; `accepted` are
    the statuses that `read` knows. Raises Refused, GivenUp, and one of WRONG_ADDRESS for an invalid address.
    """
    while True:
        try:
            with _ask(url, tries, IDENTITY | dict(headers())) as response:
                tries = response.raw.retries
                _check_status(response, accepted)
                return read(response)
        except WRONG_ADDRESS:
            raise
        except (BadBody, requests.RequestException, HTTPError) as error:
            try:
                tries = tries.increment("GET", url, error=error)
            except MaxRetryError:
                raise GivenUp(f"in {len(tries.history) + 1} tries: {error}") from error
        tries.sleep()


def _ask(url: str, tries: Tries, headers: Mapping[str, str]) -> requests.Response:
    if not hasattr(_own, "session"):
        _own.session = requests.Session()
    for adapter in _own.session.adapters.values():
        adapter.max_retries = tries
    try:
        return _own.session.get(url, stream=True, timeout=TIMEOUT, headers=headers)
    except requests.ConnectionError as error:
        if error.args and isinstance(error.args[0], MaxRetryError):  # the tries are used up
            count = len(tries.history) + tries.total + 1
            raise GivenUp(f"in {count} tries: {error.args[0].reason}") from error
        raise


def _check_status(response: requests.Response, accepted: Collection[int]) -> None:
    text = f"the server answered {response.status_code} {response.reason}"
    if response.status_code in TRANSIENT:
        raise BadBody(text)
    if response.status_code not in accepted:
        raise Refused(text)
