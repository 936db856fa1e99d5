"""Servers and archives that must be refused: what they send, and how the message begins."""

import io
import socket
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

NAME = "cifar-10-binary.tar.gz"
FOLDER = "cifar-10-batches-bin"
BATCHES = (*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin")
GIVEN_UP = f"http://127.0.0.1:…/{NAME}: not downloaded in 5 tries: …"
REMEDY = "; try again later, or name another address in dataset.mirror"
REFUSED = f"results/_downloads/cifar10/{NAME}: not the CIFAR-10 archive: …"
AGAIN = "; delete it and run again"


@contextmanager
def serving(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """A server on this machine that gives every request this answer; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, *args: object) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.handle_error = lambda *args: None  # a client that has hung up
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def status(code: int) -> Callable[[BaseHTTPRequestHandler], None]:
    return lambda handler: handler.send_error(code)


def whole(body: bytes, kind: str = "application/gzip", length: int | None = None):
    """An answer 200 with `body`, whose header states `length` bytes."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(body) if length is None else length))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def slow(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"a beginning")
    time.sleep(2)


def moved(place: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", place)
        handler.end_headers()

    return answer


def garbage(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"\x00\xff no HTTP \r\n\r\n")


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)


PAGE = whole(b"<!DOCTYPE html><title>Please log in</title>", "text/html")
SERVERS: dict[str, tuple[Callable[[BaseHTTPRequestHandler], None], str]] = {
    "404": (
        status(404),
        f"…/{NAME}: the server answered 404 Not Found; dataset.mirror must name a folder that has it",
    ),
    "403": (
        status(403),
        f"…/{NAME}: the server answered 403 Forbidden; dataset.mirror must name a folder that has it",
    ),
    "500": (status(500), f"{GIVEN_UP}the server answered 500 Internal Server Error{REMEDY}"),
    "slow": (slow, f"{GIVEN_UP}timed out…{REMEDY}"),
    "half": (whole(b"x" * 500, length=1000), f"{GIVEN_UP}500 bytes read, 500 more expected…{REMEDY}"),
    "html": (PAGE, f"{GIVEN_UP}a web page came instead of the file: SHA-256 …{REMEDY}"),
    "wrong-checksum": (
        whole(b"x" * 500),
        f"{GIVEN_UP}the checksum is wrong: SHA-256 … expected, … got{REMEDY}",
    ),
    "redirected-for-ever": (moved(f"/{NAME}"), f"{GIVEN_UP}Exceeded 30 redirects.{REMEDY}"),
    "redirected-to-a-file": (
        moved("file:///etc/passwd"),
        "dataset.mirror: …'file:///etc/passwd'; an address begins with https:// or http://",
    ),
    "garbage": (garbage, f"{GIVEN_UP}{REMEDY}"),
    "hangs-up": (hang_up, f"{GIVEN_UP}{REMEDY}"),
}


def batch(label: int = 3) -> bytes:
    """Ten images in CIFAR-10's binary form: a label byte, then 3,072 of pixels."""
    return np.full((10, 3073), label, dtype=np.uint8).tobytes()


def packed(members: dict[str, bytes | str]) -> bytes:
    """A .tar.gz of these files; text is the target of a symbolic link."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            if isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
            else:
                info.size = len(content)
            archive.addfile(info, io.BytesIO(content) if isinstance(content, bytes) else None)
    return packed.getvalue()


def cifar10_archive(folder: str = FOLDER, **changed: bytes | str) -> bytes:
    """An archive like the real one, small, with some of its files changed; `batch_1=…` for data_batch_1.bin."""
    members = {f"{folder}/{name}": batch() for name in BATCHES}
    members[f"{folder}/batches.meta.txt"] = "\n".join(f"class{number}" for number in range(10)).encode()
    members |= {f"{folder}/data_{name}.bin": content for name, content in changed.items()}
    return packed(members)


LACKS = f"{REFUSED}it lacks {FOLDER}/data_batch_1.bin"
RECORDS = f"{REFUSED}data_batch_2.bin has"
# Each is made by a function of a folder in which nothing may appear.
ARCHIVES: dict[str, tuple[Callable[[Path], bytes], str]] = {
    "absolute": (lambda outside: cifar10_archive(f"{outside}/pwned"), f"{LACKS}, …{AGAIN}"),
    "parent-of-downloads": (lambda outside: cifar10_archive("../../../../pwned"), f"{LACKS}, …{AGAIN}"),
    "parent-of-checkout": (lambda outside: cifar10_archive(f"{FOLDER}/../../pwned"), f"{LACKS}, …{AGAIN}"),
    "link-to-outside": (lambda outside: cifar10_archive(batch_1="/etc/passwd"), f"{LACKS}{AGAIN}"),
    "wrong-label": (
        lambda outside: cifar10_archive(batch_2=batch(200)),
        f"{RECORDS} the label 200, but there are 10 classes{AGAIN}",
    ),
    "short-record": (
        lambda outside: cifar10_archive(batch_2=batch()[:-1]),
        f"{RECORDS} 30729 bytes, which is no multiple of 3073{AGAIN}",
    ),
    "truncated": (lambda outside: cifar10_archive()[:-200], f"{REFUSED}{AGAIN}"),
    "not-an-archive": (lambda outside: b"just bytes", f"{REFUSED}Not a gzipped file …{AGAIN}"),
}
