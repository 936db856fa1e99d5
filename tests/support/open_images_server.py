"""A server on this machine that has a few images of Open Images, in the form of the true ones."""

import base64
import csv
import hashlib
import io
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from PIL import Image

# As at https://storage.googleapis.com/openimages/web/download_v7.html
CLASSES = ("LabelName", "DisplayName")
LABELS = ("ImageID", "Source", "LabelName", "Confidence")
IMAGES = [
    "ImageID",
    "Subset",
    "OriginalURL",
    "OriginalLandingURL",
    "License",
    "AuthorProfileURL",
    "Author",
    "Title",
    "OriginalSize",
    "OriginalMD5",
    "Thumbnail300KURL",
    "Rotation",
]
BOXES = [
    "ImageID",
    "Source",
    "LabelName",
    "Confidence",
    "XMin",
    "XMax",
    "YMin",
    "YMax",
    "IsOccluded",
    "IsTruncated",
    "IsGroupOf",
    "IsDepiction",
    "IsInside",
]
NAMES = {  # subset -> its files of labels, images and boxes
    "train": (
        "v7/oidv7-train-annotations-human-imagelabels.csv",
        "v6/oidv6-train-images-with-labels-with-rotation.csv",
        "v6/oidv6-train-annotations-bbox.csv",
    ),
    "validation": (
        "v7/oidv7-val-annotations-human-imagelabels.csv",
        "2018_04/validation/validation-images-with-rotation.csv",
        "v5/validation-annotations-bbox.csv",
    ),
    "test": (
        "v7/oidv7-test-annotations-human-imagelabels.csv",
        "2018_04/test/test-images-with-rotation.csv",
        "v5/test-annotations-bbox.csv",
    ),
}
MIDS = {"Cat": "/m/01yrx", "Dog": "/m/0bt9lr", "Bird": "/m/015p6", "Bell pepper, red": "/m/0jg57"}


def table(header: tuple[str, ...] | list[str], rows: list[tuple]) -> bytes:
    """A CSV as the true ones are written: fields are quoted only where they must be."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue().encode()


def image_id(number: int) -> str:
    return f"{number:016x}"


def photograph(colour: tuple[int, int, int], size: tuple[int, int] = (48, 32), **options: Any) -> bytes:
    packed = io.BytesIO()
    Image.new("RGB", size, colour).save(packed, "JPEG", quality=95, **options)
    return packed.getvalue()


class OpenImages:
    """What the server has; `plan` says how it answers requests for a path, one after the other."""

    def __init__(self) -> None:
        self.rows: dict[str, tuple[list, list, list]] = {subset: ([], [], []) for subset in NAMES}
        self.classes = [(label, name) for name, label in MIDS.items()]
        self.files: dict[str, bytes] = {}
        self.plan: dict[str, list] = {}  # status, "cut", "hang up", "slow", "whole"; the last is repeated
        self.requests: list[str] = []
        self.pause = 0.0  # seconds before every image
        self.checksums = True  # as Google's storage sends them
        self.md5_of: bytes | None = None  # of something else than what is sent
        self.headers: dict[str, str] = {}  # besides
        self.sent = 0  # bytes of bodies

    def add(
        self,
        subset: str,
        number: int,
        shows: str | list[str],
        lacks: list[str] = (),
        *,
        content: bytes | None = None,
        rotation: str = "0.0",
        confidence: str = "1",
    ) -> str:
        """An image of this number, and its rows; returns its path on the server."""
        image, (labels, images, _) = image_id(number), self.rows[subset]
        shows = [shows] if isinstance(shows, str) else shows
        labels += [(image, "verification", MIDS[name], confidence) for name in shows]
        labels += [(image, "verification", MIDS[name], "0.0") for name in lacks]
        flickr = "https://www.flickr.com/people/someone/"
        licence, title = "https://creativecommons.org/licenses/by/2.0/", f'A "title", of {number}'
        address = f"https://farm1.staticflickr.com/{number}_o.jpg"
        landing = f"https://www.flickr.com/photos/someone/{number}"
        rest = (flickr, f"Someone {number}, Ünal", title, 1234, "0jBpbNION09+r02xkTIBcA==", "", rotation)
        images.append((image, subset, address, landing, licence, *rest))
        path = f"/{subset}/{image}.jpg"
        self.files[path] = content or photograph((number * 7 % 256, number * 13 % 256, number * 29 % 256))
        return path

    def box(self, subset: str, number: int, name: str, sides: tuple[float, ...], group: int = 0) -> None:
        """A box: left, right, top, bottom."""
        row = (image_id(number), "xclick", MIDS[name], 1, *sides, 0, 0, group, 0, 0)
        self.rows[subset][2].append(row)

    def fill(self, classes: list[str], **numbers: int) -> None:
        """So many images of each class in each of these subsets, numbered from 1 on."""
        number = sum(path.endswith(".jpg") for path in self.files)
        for subset, count in numbers.items():
            for _ in range(count):
                for name in classes:
                    number += 1
                    self.add(subset, number, name, [other for other in classes if other != name])

    def publish(self) -> None:
        """Write the metadata of what has been added."""
        self.files["/v7/oidv7-class-descriptions.csv"] = table(CLASSES, self.classes)
        for subset, names in NAMES.items():
            for name, header, rows in zip(names, (LABELS, IMAGES, BOXES), self.rows[subset], strict=True):
                self.files[f"/{name}"] = table(header, rows)

    def asked(self, ending: str = ".jpg") -> list[str]:
        """The paths asked for that end so."""
        return [path for path in self.requests if path.endswith(ending)]


class Server(ThreadingHTTPServer):
    """Serves an OpenImages while its block runs, at `url`."""

    daemon_threads = True

    def __init__(self, images: OpenImages) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.images = images
        self.url = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *args: object) -> None:
        """A client that has hung up."""

    def __enter__(self) -> "Server":
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *args: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # connections are kept

    def do_GET(self) -> None:
        images = self.server.images
        images.requests.append(self.path)
        plan = images.plan.get(self.path, ["whole"])
        answer = plan.pop(0) if len(plan) > 1 else plan[0]
        body = images.files.get(self.path)
        if self.path.endswith(".jpg"):
            time.sleep(images.pause)
        if answer == "hang up":
            self.close_connection = True
            return None
        if body is None or isinstance(answer, int):
            return self.send_error(404 if body is None else answer)
        if answer == "slow":
            time.sleep(0.5)
        return self.send(images, body, cut=answer == "cut")

    def send(self, images: OpenImages, body: bytes, cut: bool) -> None:
        tag = f'"{hashlib.md5(body).hexdigest()}"'
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        first = int(asked[1]) if asked and self.headers.get("If-Range", tag) == tag else 0
        self.send_response(206 if first else 200)
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(body) - first))
        self.send_header("ETag", tag)
        if images.checksums:
            md5 = base64.b64encode(hashlib.md5(images.md5_of or body).digest()).decode()
            self.send_header("x-goog-hash", "crc32c=AAAAAA==")
            self.send_header("x-goog-hash", f"md5={md5}")
        for name, value in images.headers.items():
            self.send_header(name, value)
        self.end_headers()
        rest = body[first : first + (len(body) - first) // 2] if cut else body[first:]
        images.sent += len(rest)
        self.wfile.write(rest)
        self.close_connection = self.close_connection or cut

    def log_message(self, *args: object) -> None:
        """Keep quiet."""
