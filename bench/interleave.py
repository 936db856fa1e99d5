"""Runs loops that must not share a process, in turn: A B A B, so that a slow minute slows all of them.

The allocator's settings and the like hold for a whole process, so each loop lives in its own worker. A worker
does one repetition for each line "go" on its standard input and answers with one line of JSON.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from kd.errors import UserError
from kd.monitor.progress import clock_time

ROOT = Path(__file__).parent.parent
TAIL = 20  # lines of a dead worker's errors that are shown
PATIENCE = 10.0  # seconds that a worker has to end by itself


class Worker:
    """A process that waits for "go"."""

    def __init__(self, name: str, command: Sequence[str]) -> None:
        paths = [str(ROOT), str(ROOT / "workflow" / "scripts"), os.environ.get("PYTHONPATH", "")]
        self.name = name
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,  # a file, because a full pipe would stop it
            text=True,
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
        )

    def go(self) -> None:
        """Begin one repetition, without waiting for it; a dead worker shows in `row`."""
        with suppress(BrokenPipeError):
            self._process.stdin.write("go\n")
            self._process.stdin.flush()

    def row(self) -> dict[str, float]:
        """Wait for the repetition and return what was measured; UserError if the worker has died."""
        line = self._process.stdout.readline()
        if not line.endswith("\n"):
            raise UserError(f"the loop {self.name} ended with code {self._process.wait()}:\n{self._tail()}")
        return json.loads(line)

    def _tail(self) -> str:
        self._errors.seek(0)
        return "".join(self._errors.readlines()[-TAIL:]).rstrip()

    def end(self) -> None:
        """End the process: it is asked to by the end of its input, and then less politely."""
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        for harder in (self._process.terminate, self._process.kill):
            try:
                self._process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                harder()
        self._process.wait()
        self._process.stdout.close()
        self._errors.close()


@contextmanager
def crew(commands: Mapping[str, Sequence[str]]) -> Iterator[dict[str, Worker]]:
    """The workers of `commands`, by name; all of them are ended with the block, however it ends."""
    with ExitStack() as stack:
        workers = {}
        for name, command in commands.items():
            workers[name] = Worker(name, command)
            stack.callback(workers[name].end)
        yield workers


def interleave(what: str, commands: Mapping[str, Sequence[str]], repeats: int) -> dict[str, list[dict]]:
    """Rows of `repeats` repetitions of every command, taken in turn after one that is not counted.

    `what` is logged on standard error. Raises UserError with a worker's last words if it dies.
    """
    rows: dict[str, list[dict]] = {name: [] for name in commands}
    with crew(commands) as workers:
        for worker in workers.values():
            tell(what, f"warm-up of {worker.name}")
            worker.go()
            worker.row()
        for repetition in rounds(what, repeats):
            for worker in workers.values():
                tell(what, f"{repetition}, {worker.name}")
                worker.go()
                rows[worker.name].append(worker.row())
    return rows


def rounds(what: str, repeats: int) -> Iterator[str]:
    """Count repetitions, with the time that is left as the earlier ones let expect."""
    started = time.monotonic()
    for done in range(repeats):
        spent = time.monotonic() - started
        left = f", left {clock_time(spent / done * (repeats - done))}" if done else ""
        yield f"repetition {done + 1} of {repeats}{left}"
    tell(what, f"done in {clock_time(time.monotonic() - started)}")


def tell(what: str, how_far: str) -> None:
    """One line of progress."""
    print(f"bench  {what}: {how_far}", file=sys.stderr, flush=True)
