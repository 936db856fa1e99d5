"""Many files, fetched side by side from a real server on this machine that misbehaves on request."""

import re
import time

import pytest
from bad_downloads import moved, serving
from open_images_server import OpenImages, Server

from kd.datasets.open_images import fetch as gathering
from kd.datasets.open_images.fetch import Failed, describe, fetch, first_good
from kd.errors import UserError
from kd.io.web import http

BODY = bytes(range(256)) * 40


@pytest.fixture
def images():
    images = OpenImages()
    images.files["/a.jpg"] = BODY
    return images


@pytest.fixture
def url(images, monkeypatch):
    monkeypatch.setattr(gathering, "PAUSE", 0.001)
    with Server(images) as server:
        yield f"{server.url}/a.jpg"


@pytest.mark.parametrize("first", [[], [503], [500, 429], ["cut"], ["hang up"], ["hang up", "cut", 502, 503]])
def test_what_passes_is_tried_again(images, url, first):
    images.plan["/a.jpg"] = [*first, "whole"]
    assert fetch(url) == BODY
    assert len(images.requests) == len(first) + 1


@pytest.mark.parametrize(
    ("answer", "requests", "reason"),
    [
        (404, 1, "the server answered 404 Not Found"),
        (403, 1, "the server answered 403 Forbidden"),
        (503, 5, "not fetched in 5 tries: the server answered 503 Service Unavailable"),
        ("hang up", 5, "not fetched in 5 tries: "),
        ("cut", 5, "not fetched in 5 tries: .*5120 bytes read, 5120 more expected"),
    ],
)
def test_what_is_not_to_be_had(images, url, answer, requests, reason):
    images.plan["/a.jpg"] = [answer]
    with pytest.raises(Failed, match=f"{re.escape(url)}: {reason}"):
        fetch(url)
    assert len(images.requests) == requests


@pytest.mark.parametrize(
    "wrong", ["http://localhost:99999/a.jpg", "localhost/a.jpg", "ftp://localhost/a.jpg"]
)
def test_an_address_that_cannot_be_asked_is_a_failure(wrong):
    with pytest.raises(Failed, match=re.escape(wrong)):
        fetch(wrong)


def test_what_is_too_large_is_no_image(images, url, monkeypatch):
    monkeypatch.setattr(gathering, "LARGEST", 10_000)
    with pytest.raises(Failed, match="more than 0 MB came"):
        fetch(url)


def test_a_server_that_is_silent(images, url, monkeypatch):
    monkeypatch.setattr(http, "TIMEOUT", (1, 0.1))
    images.plan["/a.jpg"] = ["slow", "whole"]
    assert fetch(url) == BODY
    assert len(images.requests) == 2


def without(*bad):
    """Makes a name of a number, which fails for those in `bad`; the even ones take longer."""

    def make(number):
        time.sleep(0.02 * (number % 2 == 0))
        if number in bad:
            raise Failed(f"http://x/{number}", "404")
        return f"n{number}"

    return make


QUEUES = {"cat": [8, 3, 5, 1, 9], "dog": [2, 4, 6]}


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize(
    ("bad", "cats", "dogs"),
    [
        ((), [8, 3], [2]),
        ((8,), [3, 5], [2]),
        ((3, 5), [8, 1], [2]),  # the one that took the place of 3 fails as well
        ((8, 2, 4), [3, 5], [6]),
        ((9, 1), [8, 3], [2]),  # never asked for
        ((2, 4, 6), [8, 3], []),  # no more are there
    ],
)
def test_those_that_fail_are_replaced_by_the_next(workers, bad, cats, dogs):
    good, failed = first_good(QUEUES, {"cat": 2, "dog": 1}, without(*bad), workers=workers, tolerated=9)
    assert good == {"cat": [(n, f"n{n}") for n in cats], "dog": [(n, f"n{n}") for n in dogs]}
    assert {number for number, _ in failed} == set(bad) - {9, 1}


def test_more_of_them_keep_those_that_there_were():
    few, _ = first_good(QUEUES, {"cat": 2, "dog": 1}, without(3), workers=2, tolerated=9)
    many, _ = first_good(QUEUES, {"cat": 4, "dog": 3}, without(3), workers=2, tolerated=9)
    for place, taken in few.items():
        assert many[place][: len(taken)] == taken


def test_more_failures_than_are_tolerated():
    good, _ = first_good(QUEUES, {"cat": 2, "dog": 1}, without(8, 2), workers=2, tolerated=2)
    assert [number for number, _ in good["cat"]] == [3, 5]
    with pytest.raises(UserError) as caught:
        first_good(QUEUES, {"cat": 2, "dog": 1}, without(8, 2), workers=2, tolerated=1)
    assert re.match(
        r"2 images could not be had, and dataset\.tolerated_failures allows 1 of 3; the first: http://x/[28]: 404;"
        r" try again later, raise that share, or name another address in dataset\.mirror$",
        str(caught.value),
    )


def test_failures_in_every_round_add_up():
    with pytest.raises(UserError, match=r"3 images could not be had, .* allows 2 of 2"):
        first_good({"cat": QUEUES["cat"]}, {"cat": 2}, without(8, 5, 1), workers=2, tolerated=2)


def test_the_rest_is_not_fetched_after_an_error():
    asked = []

    def make(number):
        asked.append(number)
        time.sleep(0.002)
        raise Failed("http://x", "404")

    with pytest.raises(UserError):
        first_good({"cat": range(500)}, {"cat": 500}, make, workers=2, tolerated=3)
    assert len(asked) < 100


def test_an_error_of_another_kind_is_not_counted_as_a_failure():
    def make(number):
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        first_good(QUEUES, {"cat": 2, "dog": 1}, make, workers=2, tolerated=9)


def test_progress_lines():
    assert describe(1_200, 2_500, 26) == "1,200 of 2,500, 26.0 a second, 50 s left"
    assert describe(0, 2_500, 0) == "0 of 2,500, 0.0 a second"


def test_a_redirect_to_no_address_leaves_out_that_image_alone(monkeypatch):
    with (
        serving(moved("http://[::1")) as address,
        pytest.raises(Failed, match="leads to an address that is none"),
    ):
        fetch(f"{address}/a.jpg")


def test_an_image_may_take_so_long_in_all(images, url, monkeypatch):
    monkeypatch.setattr(gathering, "LONGEST", -1.0)
    with pytest.raises(Failed, match="it took longer than"):
        fetch(url)
    assert len(images.requests) == 1
