"""How long it is waited before a server is asked again; the tries themselves are in test_download."""

import pytest
import requests
from urllib3 import HTTPResponse

from kd.io.web import http


def waits(monkeypatch, status=503, attempts=2, **headers):
    """Seconds between the tries of a file that a server never has."""
    response = requests.Response()
    response.status_code, response.reason = status, "Unavailable"
    response.raw = HTTPResponse(status=status, headers=headers)
    monkeypatch.setattr(requests.Session, "get", lambda *_, **__: response)
    slept = []
    monkeypatch.setattr("kd.io.web.http.time.sleep", slept.append)
    with pytest.raises(http.GivenUp, match=f"in {attempts} tries: the server answered {status} Unavailable"):
        http.get("http://x", bytes, attempts=attempts, pause=0.5)
    return slept


def test_waits_double_up_to_two_minutes(monkeypatch):
    slept = waits(monkeypatch, attempts=16)
    assert slept[:4] == [0.5, 1, 2, 4]
    assert len(slept) == 15
    assert slept[14] == 120


@pytest.mark.parametrize(("asked", "seconds"), [("7", 7), ("0", 0.5), ("86400", 120), ("soon", 0.5)])
def test_a_server_may_say_how_long(asked, seconds, monkeypatch):
    assert waits(monkeypatch, **{"Retry-After": asked}) == [seconds]
