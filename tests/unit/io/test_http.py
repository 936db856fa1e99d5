"""How long it is waited before a server is asked again; the tries themselves are in test_download."""

import pytest
from urllib3 import HTTPResponse

from kd.io.http import Tries


def after(failures: int) -> Tries:
    tries = Tries.of(attempts=20, pause=0.5)
    for _ in range(failures):
        tries = tries.increment("GET", "http://x", error=OSError("broken"))
    return tries


@pytest.mark.parametrize(("failures", "seconds"), [(1, 0.5), (2, 1), (3, 2), (4, 4), (15, 120)])
def test_waits_double_up_to_two_minutes(failures, seconds, monkeypatch):
    slept = []
    monkeypatch.setattr("kd.io.http.time.sleep", slept.append)
    after(failures).sleep()
    assert slept == [seconds]


@pytest.mark.parametrize(("asked", "seconds"), [("7", 7), ("0", 0.5), ("86400", 120)])
def test_a_server_may_say_how_long(asked, seconds, monkeypatch):
    slept = []
    monkeypatch.setattr("kd.io.http.time.sleep", slept.append)
    after(1).sleep(HTTPResponse(status=503, headers={"Retry-After": asked}))
    assert slept == [seconds]
