"""Downloads from a real server on this machine that misbehaves on request."""

import contextlib
import hashlib
import logging
import os
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from bad_downloads import serving
from open_images_server import OpenImages
from open_images_server import Server as UnsignedServer

import download_data
from kd.errors import UserError
from kd.io.progress import Progress, describe
from kd.io.web import http
from kd.io.web.download import download

BODY = bytes(range(256)) * 4000  # about 1 MB: several chunks
PAGE = b"\n<!DOCTYPE html>".ljust(len(BODY))
SHA256 = hashlib.sha256(BODY).hexdigest()


class Server(ThreadingHTTPServer):
    """Answers its n-th request as `plan[n]` says; the last entry is repeated."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.plan = ["whole"]
        self.requests = 0
        self.sent = 0  # bytes
        self.url = f"http://127.0.0.1:{self.server_port}/data.tar.gz"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        answer = self.server.plan[min(self.server.requests, len(self.server.plan) - 1)]
        self.server.requests += 1
        if isinstance(answer, int):
            return self.send_error(answer)
        if answer == "moved":
            self.send_response(302)
            self.send_header("Location", "/elsewhere/data.tar.gz")
            return self.end_headers()
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        first = int(asked[1]) if asked and answer != "no ranges" else 0
        if first >= len(BODY):
            return self.send_error(416)
        body = {"wrong": BODY[:-1] + b"!", "half": BODY[: len(BODY) // 2], "page": PAGE}.get(answer, BODY)[
            first:
        ]
        self.server.sent += len(body)
        self.send_response(206 if first else 200)
        if first:
            begins = 7 if answer == "another part" else first
            self.send_header("Content-Range", f"bytes {begins}-{len(BODY) - 1}/{len(BODY)}")
        if answer != "no length":
            self.send_header("Content-Length", "much" if answer == "odd length" else str(len(BODY) - first))
        if answer == "called packed":  # what some servers say of every .gz file
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        if answer == "slow":
            time.sleep(0.3)
        self.wfile.write(body)

    def log_message(self, *args) -> None:
        """Keep quiet."""


@pytest.fixture
def server():
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def target(tmp_path):
    return tmp_path / "downloads" / "data.tar.gz"


def leftovers(target):
    return sorted(path.name for path in target.parent.iterdir())


@pytest.mark.parametrize("answer", ["whole", "no length", "odd length", "called packed", "moved"])
def test_success(server, target, answer):
    server.plan = [answer, "whole"]
    download(server.url, target, SHA256)
    assert target.read_bytes() == BODY
    assert leftovers(target) == ["data.tar.gz"]


@pytest.mark.parametrize("failures", [[500], [503, 429], ["half"], ["wrong"], ["half", 502, "wrong", 500]])
def test_tries_again(server, target, caplog, failures):
    server.plan = [*failures, "whole"]
    download(server.url, target, SHA256, pause=0)
    assert target.read_bytes() == BODY
    assert server.requests == len(failures) + 1
    assert leftovers(target) == ["data.tar.gz"]
    assert caplog.text.count("failed: ") == len(failures)


def test_broken_bodies_and_bad_statuses_are_counted_together(server, target):
    server.plan = ["half", 500, "wrong", 503, "half", 500, "whole"]
    with pytest.raises(UserError, match="not downloaded in 4 tries: the server answered 503"):
        download(server.url, target, SHA256, attempts=4, pause=0)
    assert server.requests == 4


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("wrong", f"SHA-256 {SHA256} expected, {hashlib.sha256(BODY[:-1] + b'!').hexdigest()} got"),
        ("half", "512000"),
        ("page", "a web page came instead of the file: SHA-256"),
        (500, "the server answered 500"),
    ],
)
def test_gives_up_and_leaves_nothing(server, target, answer, reason):
    server.plan = [answer]
    with pytest.raises(UserError, match=f"{re.escape(server.url)}: not downloaded in 3 tries: .*{reason}"):
        download(server.url, target, SHA256, attempts=3, pause=0)
    assert server.requests == 3
    # Half a file is kept for the next run; a wrong one is not.
    assert leftovers(target) == ([".data.tar.gz.part"] if answer == "half" else [])


def interrupted(target, content):
    """What a process that was killed leaves."""
    target.parent.mkdir()
    (target.parent / ".data.tar.gz.part").write_bytes(content)


def test_a_killed_download_goes_on_where_it_was(server, target):
    interrupted(target, BODY[:700_001])
    download(server.url, target, SHA256)
    assert target.read_bytes() == BODY
    assert server.sent == len(BODY) - 700_001
    assert leftovers(target) == ["data.tar.gz"]


@pytest.mark.parametrize("answer", ["no ranges", "another part"])
def test_a_server_that_does_not_go_on_there(server, target, answer):
    interrupted(target, BODY[:700_001])
    server.plan = [answer, "whole"]
    download(server.url, target, SHA256, pause=0)
    assert target.read_bytes() == BODY


@pytest.mark.parametrize("content", [b"?" * 700_001, BODY + b"more", BODY])
def test_a_beginning_that_is_wrong_or_too_long_is_thrown_away(server, target, content):
    interrupted(target, content)
    download(server.url, target, SHA256, pause=0)
    assert target.read_bytes() == BODY
    assert leftovers(target) == ["data.tar.gz"]


@pytest.mark.parametrize("status", [404, 403, 410])
def test_what_is_not_there_is_not_asked_for_again(server, target, status):
    server.plan = [status]
    with pytest.raises(UserError, match=rf"{re.escape(server.url)}: .* {status} .*dataset\.mirror"):
        download(server.url, target, SHA256)
    assert server.requests == 1
    assert leftovers(target) == []


def test_nobody_listens(server, target):
    server.server_close()
    with pytest.raises(UserError, match="not downloaded in 2 tries"):
        download(server.url, target, SHA256, attempts=2, pause=0)
    assert leftovers(target) == []


@pytest.mark.parametrize("url", ["ftp://example.org/a", "example.org/a", "http:///a"])
def test_an_address_of_another_kind(target, url):
    with pytest.raises(UserError, match=r"dataset\.mirror: .* https://"):
        download(url, target, SHA256)


def test_a_good_file_is_kept_when_the_new_one_is_bad(server, target):
    target.parent.mkdir()
    target.write_text("old")
    server.plan = [500]
    with pytest.raises(UserError):
        download(server.url, target, SHA256, attempts=1)
    assert target.read_text() == "old"


def test_waits_grow(server, target, caplog, monkeypatch):
    slept = []
    monkeypatch.setattr("kd.io.web.download.time.sleep", slept.append)
    server.plan = [500, 500, 500, 500, "whole"]
    caplog.set_level(logging.INFO)
    download(server.url, target, SHA256)
    assert slept == [1, 2, 4, 4, 4]  # 1, 2, 4 and 8 seconds, never more than 4 without a word
    assert "trying again in 8 s" in caplog.text


def test_a_silent_server_is_reported(server, target, caplog, monkeypatch):
    monkeypatch.setattr("kd.io.web.download.Progress", lambda name: Progress(name, interval=0.05))
    caplog.set_level(logging.INFO)
    server.plan = ["slow"]
    download(server.url, target, SHA256)
    assert "data.tar.gz: 0% of 1.0 MB, waiting for the server" in caplog.text


# Servers without end


def raw(header, piece=b"", pause=0.0, times=10**9):
    """A response whose body, or header if it has no end yet, is this piece again and again."""

    def answer(handler):
        handler.wfile.write(header)
        with contextlib.suppress(OSError):
            for _ in range(times if piece else 0):
                handler.wfile.write(piece)
                time.sleep(pause)

    return answer


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("size", "answer", "reason"),
    [
        (5_000, raw(OK + b"\r\n", b"x" * 1000), "more than 0 MB came; dataset.mirror must name"),
        (
            5_000,
            raw(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"3e8\r\n" + b"x" * 1000 + b"\r\n"),
            "more than 0 MB",
        ),
        (
            5_000,
            raw(OK + b"Content-Length: 5001\r\n\r\n"),
            "this is another file: the server names 5,001 bytes, and",
        ),
        (
            5_000,
            raw(OK + b"Content-Type: text/html\r\nContent-Length: 9\r\n\r\n"),
            "a web page came instead of the file",
        ),
        (
            None,
            raw(OK + b"Content-Length: 1000000000000000\r\n\r\n"),
            "it has 1,000,000,000.0 MB by the server, and the disk",
        ),
        (
            None,
            raw(OK + b"Content-Length: 90000\r\n\r\n", b"x", 0.01),
            "bytes came in 0 s, which is too slow",
        ),
        (None, raw(OK, b"X: y\r\n", 0.05, times=90), "the header of the answer took more than 0 s"),
        (
            None,
            raw(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.01),
            "the header of the answer took more than 0 s",
        ),
    ],
    ids=["endless", "chunks", "length", "page", "huge", "drips", "header", "continue"],
)
def test_a_server_without_end_is_left(target, monkeypatch, size, answer, reason):
    monkeypatch.setattr("kd.io.web.session.HEADER", 0.3)
    monkeypatch.setattr(http, "WINDOW", 0.3)
    with serving(answer) as address, pytest.raises(UserError, match=reason):
        download(f"{address}/data.tar.gz", target, SHA256, size=size, attempts=1)
    assert all(path.stat().st_size <= 5_000 for path in target.parent.iterdir())


@pytest.mark.parametrize(
    "length", ["", "Content-Length: -5", "Content-Length: \u0663", "Content-Length: 5 MB"]
)
def test_a_body_of_no_known_length_is_refused_where_nothing_else_says_that_it_is_whole(target, length):
    header = OK + length.encode() + b"\r\n" * (1 + bool(length))
    with (
        serving(raw(header, b"abc", times=1)) as address,
        pytest.raises(UserError, match="names no length, without"),
    ):
        download(f"{address}/data.tar.gz", target, None)
    assert not target.exists()


def test_chunks_end_by_themselves(target):
    header = OK + b"Transfer-Encoding: chunked\r\n\r\n"
    with serving(raw(header + b"3\r\nabc\r\n0\r\n\r\n", times=0)) as address:
        download(f"{address}/data.tar.gz", target, None)
    assert target.read_bytes() == b"abc"
    with (
        serving(raw(header + b"3\r\nabc\r\n", times=0)) as address,
        pytest.raises(UserError, match="not downloaded"),
    ):
        download(f"{address}/data.tar.gz", target, None, attempts=1)


@pytest.mark.parametrize("place", ["http://[::1", "http://a\udcff\udcfe/x"])
def test_a_server_that_leads_to_an_address_that_is_none(target, place):
    header = b"HTTP/1.1 302 Found\r\nLocation: " + os.fsencode(place) + b"\r\nContent-Length: 0\r\n\r\n"
    with (
        serving(raw(header, times=0)) as address,
        pytest.raises(UserError, match="leads to an address that is none"),
    ):
        download(f"{address}/data.tar.gz", target, SHA256)


def test_no_message_and_no_line_of_the_log_has_the_password(server, target, caplog):
    """The last is no address, and names itself in the error of the library."""
    caplog.set_level(logging.INFO)
    server.plan = [500, 404]
    url = server.url.replace("//", "//me:s3c/r@t@".replace("/r", "r"))
    with pytest.raises(UserError) as refused:
        download(url, target, SHA256, pause=0)
    with pytest.raises(UserError) as wrong:
        download("ftp://me:s3cr@t@localhost/a", target, SHA256)
    text = f"{refused.value} {wrong.value} {caplog.text}"
    assert not re.search("s3cr|me:", text)
    assert f"{server.url}: the server answered 404" in text


# Without a checksum that is known beforehand


@pytest.fixture
def unsigned(tmp_path):
    """A server that names the version of what it sends, and its MD5 unless that is turned off."""
    images = OpenImages()
    images.files["/labels.csv"] = BODY
    target = tmp_path / "downloads" / "labels.csv"
    target.parent.mkdir()
    with UnsignedServer(images) as server:
        yield images, f"{server.url}/labels.csv", target


@pytest.mark.parametrize("checksums", [True, False])
@pytest.mark.parametrize("failures", [[], [503], ["cut"], ["cut", "hang up", "cut"]])
def test_without_a_checksum(unsigned, checksums, failures):
    images, url, target = unsigned
    images.checksums, images.plan["/labels.csv"] = checksums, [*failures, "whole"]
    download(url, target, None, pause=0)
    assert target.read_bytes() == BODY
    assert leftovers(target) == ["labels.csv"]
    assert images.sent == len(BODY)  # what came before a connection broke did not come again


def test_a_short_body_is_no_file(unsigned):
    images, url, target = unsigned
    images.plan["/labels.csv"] = ["cut", "hang up"]
    with pytest.raises(UserError, match=f"{re.escape(url)}: not downloaded in 2 tries: "):
        download(url, target, None, attempts=2, pause=0)
    assert not target.exists()


def test_a_file_that_changed_since_its_beginning_came(unsigned):
    images, url, target = unsigned
    images.checksums, images.plan["/labels.csv"] = False, ["cut", "hang up"]
    with pytest.raises(UserError):
        download(url, target, None, attempts=2, pause=0)
    images.files["/labels.csv"], images.plan = BODY[::-1], {}
    download(url, target, None)
    assert target.read_bytes() == BODY[::-1]


def test_a_beginning_of_no_known_version_is_not_gone_on_from(unsigned):
    images, url, target = unsigned
    images.checksums = False
    (target.parent / ".labels.csv.part").write_bytes(b"?" * 1000)
    download(url, target, None)
    assert target.read_bytes() == BODY


def test_the_checksum_that_the_server_sends_is_compared(unsigned):
    images, url, target = unsigned
    images.md5_of = b"something else"
    with pytest.raises(UserError, match=r"the checksum is wrong: MD5 .*== expected, .*== got"):
        download(url, target, None, attempts=2, pause=0)
    assert leftovers(target) == [".labels.csv.etag"]
    images.headers = {"x-goog-stored-content-encoding": "gzip"}  # the checksum is of the packed file
    download(url, target, None)
    assert leftovers(target) == ["labels.csv"]


def test_progress_lines():
    assert describe(50_000_000, 200_000_000, 10e6) == "25% of 200.0 MB, 10.0 MB/s, 15 s left"
    assert describe(50_000_000, None, 10e6) == "50.0 MB, 10.0 MB/s"
    assert describe(0, None, 0) == "0.0 MB, waiting for the server"


def test_script(server, target):
    download_data.main(server.url, SHA256, target)
    assert target.read_bytes() == BODY
