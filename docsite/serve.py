"""Serves the documentation site to browsers on this machine: `make docs-serve`."""

import argparse
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from docsite.taken import ROOT

SITE = ROOT / "site"
LOCAL = "127.0.0.1"  # no other machine can open it


class Handler(SimpleHTTPRequestHandler):
    """Serves files without a line for each."""

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing."""


def server(folder: Path, port: int) -> ThreadingHTTPServer:
    """A server of `folder` at `port`, or at a free one if that is taken or 0."""
    handler = partial(Handler, directory=str(folder))
    try:
        return ThreadingHTTPServer((LOCAL, port), handler)
    except OSError:
        return ThreadingHTTPServer((LOCAL, 0), handler)


def main(port: int, folder: Path = SITE) -> int:
    """Serve until Ctrl-C."""
    if not (folder / "index.html").is_file():
        print(f"error: no file {folder / 'index.html'}; build the site first: make docs", file=sys.stderr)
        return 1
    with server(folder, port) as serving:
        number = serving.server_address[1]
        taken = f" (port {port} is taken)" if port not in (0, number) else ""
        print(f"The site is at http://localhost:{number}{taken}; Ctrl-C ends.", flush=True)
        try:
            serving.serve_forever()
        except KeyboardInterrupt:
            print()
    return 0


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"should be a number from 0 to 65535 (it is {text!r})")
    return int(text)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=_port, default=8000, help="default 8000; 0: any that is free")
    sys.exit(main(parser.parse_args().port))
