"""Install a file of requirements by pip: one line of what it costs, and a bar in place of pip's lines.

Run by the new environment's own Python, so it imports the standard library alone.
"""

import argparse
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

# What is installed, its size, minutes, and number of packages, as measured on Linux with Python 3.11. Most of
# it is PyTorch's CUDA libraries.
COSTS = {
    "requirements.txt": (
        "PyTorch, Snakemake and what they need",
        "3 GB to download, 6.1 GB on disk",
        "2 to 8",
        115,
    ),
    "requirements-docs.txt": ("MkDocs and its theme", "30 MB to download, 180 MB on disk", "1", 35),
    "requirements-dev.txt": ("the tools of the tests", "100 MB to download, 450 MB on disk", "1 to 2", 70),
}
FILE = re.compile(r"\s*(?:Downloading|Using cached) (\S+\.(?:whl|tar\.gz))(?: \((.+)\))?$")
LARGE = 50.0  # MB of a package that has a line of its own where there is no terminal
WIDTH = 30  # signs of the bar
PAUSE = 0.2  # seconds between two drawings of it


class Bar:
    """Shows how far pip is, from the lines that it prints: a bar on a terminal, else a few lines."""

    def __init__(self, stream: TextIO, packages: int) -> None:
        self._stream, self._packages, self._drawn = stream, packages, 0.0
        self._fetched, self._now, self._share = 0, "", ""

    def read(self, line: str) -> None:
        """Take in a line of pip's."""
        if match := re.match(r"Collecting ([\w.-]+)", line):
            self._show(f"finding packages: {match[1]}")
        elif match := re.match(
            r"\s*(?:Downloading|Using cached) (\S+\.(?:whl|tar\.gz))(?: \((.+)\))?$", line
        ):
            self._fetched += 1
            self._now = f"{match[1].split('-')[0]} {match[2] or ''}".strip()
            self._show(self._now, line=_megabytes(match[2] or "") >= LARGE)
        elif match := re.match(r"Progress (\d+) of (\d+)", line):  # of the file that is being downloaded
            self._show(f"{self._now}  {100 * int(match[1]) // max(1, int(match[2]))} %")
        elif match := re.match(r"Installing collected packages: (.*)", line):
            self._fetched = self._packages = match[1].count(",") + 1
            self._show(f"unpacks {self._fetched} packages", line=True, at_once=True)

    def end(self) -> None:
        """Clear the line of the bar."""
        if self._stream.isatty():
            self._stream.write("\r\x1b[K")

    def _show(self, text: str, *, line: bool = False, at_once: bool = False) -> None:
        if not self._stream.isatty():
            if line:
                print(f"  {text}", file=self._stream, flush=True)
            return
        if not at_once and time.monotonic() - self._drawn < PAUSE:
            return
        self._drawn, total = time.monotonic(), max(self._packages, self._fetched)
        full = min(WIDTH, WIDTH * self._fetched // total)
        bar = "#" * full + "." * (WIDTH - full)
        self._stream.write(f"\r\x1b[K[{bar}] {self._fetched} of {total}  {text[:40]}")
        self._stream.flush()


def _megabytes(size: str) -> float:
    match = re.match(r"([\d.]+) *([kMG]?)B", size)
    return float(match[1]) * {"": 1e-6, "k": 1e-3, "M": 1.0, "G": 1e3}[match[2]] if match else 0.0


def pip(arguments: Iterable[str]) -> list[str]:
    """The command; newer versions of pip report the bytes of a download line by line."""
    version = subprocess.run(
        [sys.executable, "-m", "pip", "--version"], capture_output=True, text=True
    ).stdout
    number = tuple(map(int, re.findall(r"\d+", version)[:2]))
    bar = "raw" if number >= (24, 1) else "off"
    return [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "--progress-bar",
        bar,
        *arguments,
    ]


def _lines(process: subprocess.Popen) -> Iterator[str]:
    assert process.stdout
    for line in process.stdout:
        yield line.rstrip("\n")


def main(requirements: Path, arguments: list[str]) -> int:
    """Install what `requirements` names; pip's exit status. Its errors go to stderr as they are."""
    what, size, minutes, packages = COSTS[requirements.name]
    started, bar = time.monotonic(), Bar(sys.stdout, packages)
    print(f"Installing {what} ({size}, about {minutes} min) in {sys.prefix}", flush=True)
    command = pip(["-r", str(requirements), *arguments])
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, errors="replace") as process:
        for line in _lines(process):
            bar.read(line)
    bar.end()
    if process.returncode == 0:
        print(f"Installed in {time.monotonic() - started:.0f} s.")
    else:
        print(f"error: pip could not install {requirements}; the same command goes on", file=sys.stderr)
    return process.returncode


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("requirements", type=Path, help=f"envs/ and one of {', '.join(COSTS)}")
    parser.add_argument("arguments", nargs="*", help="options of `pip install`, after --")
    options = parser.parse_args()
    try:
        sys.exit(main(options.requirements, options.arguments))
    except KeyboardInterrupt:
        sys.exit("\nstopped; the same command goes on")
