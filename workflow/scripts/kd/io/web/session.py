"""The session of each thread, whose connections are cut where a server sends its header without end."""

import socket
import threading
from contextlib import suppress
from http.client import HTTPException
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import connection, connectionpool

HEADER = 60.0  # seconds in which the header of a response has to come


class _Timed:
    """A connection that is cut where a server sends its header byte by byte, or "100 Continue" for ever."""

    _late = False

    def getresponse(self) -> Any:
        timer = threading.Timer(HEADER, self._cut)
        timer.daemon = True
        timer.start()
        try:
            response = super().getresponse()
        finally:
            timer.cancel()
            if self._late:
                raise HTTPException(f"the header of the answer took more than {HEADER:.0f} s")
        return response

    def _cut(self) -> None:
        self._late = True
        with suppress(OSError, AttributeError):
            self.sock.shutdown(socket.SHUT_RDWR)


# By the names that urllib3 has, because they are in its messages.
class HTTPConnection(_Timed, connection.HTTPConnection):
    """A connection without encryption."""


class HTTPSConnection(_Timed, connection.HTTPSConnection):
    """A connection with it."""


class HTTPConnectionPool(connectionpool.HTTPConnectionPool):
    """Connections to a server."""

    ConnectionCls = HTTPConnection


class HTTPSConnectionPool(connectionpool.HTTPSConnectionPool):
    """Connections to a server, encrypted."""

    ConnectionCls = HTTPSConnection


POOLS = {"http": HTTPConnectionPool, "https": HTTPSConnectionPool}


class _Adapter(HTTPAdapter):
    """Connects by the classes above, and by the proxy of the environment, if there is one, as well."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = POOLS

    def proxy_manager_for(self, *args: Any, **options: Any) -> Any:
        manager = super().proxy_manager_for(*args, **options)
        manager.pool_classes_by_scheme = POOLS
        return manager


class _Own(threading.local):
    """A session for each thread, for they are not made to be shared."""

    def __init__(self) -> None:
        self.session = requests.Session()
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, _Adapter())


_own = _Own()


def session() -> requests.Session:
    """The session of this thread."""
    return _own.session
