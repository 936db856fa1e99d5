"""A program on a pseudo-terminal, as a user has it."""

import os
import pty
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

CTRL_C = b"\x03"


class Terminal:
    """`command` on a terminal of its own of 100 columns, with what it writes; `process` is that of it."""

    def __init__(
        self, command: Sequence[str], folder: Path, environment: dict[str, str] | None = None
    ) -> None:
        self._end, other = pty.openpty()
        lines = {"COLUMNS": "100", "LINES": "40", "TERM": "xterm"}
        three: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), other)
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env={**(environment or os.environ), **lines},
            start_new_session=True,
            preexec_fn=_own_terminal,
            **three,
        )
        os.close(other)
        self._output = b""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def type(self, keys: bytes) -> None:
        """Press keys: CTRL_C reaches all processes of the program."""
        os.write(self._end, keys)

    def so_far(self) -> str:
        """What it has written until now."""
        return self._output.decode(errors="replace")

    def output(self) -> str:
        """What it wrote, when it has ended."""
        self._reader.join(60)
        return self._output.decode()

    def _read(self) -> None:
        with suppress(OSError):  # so Linux says that the other end is closed
            while part := os.read(self._end, 65536):
                self._output += part
        os.close(self._end)


def _own_terminal() -> None:
    import fcntl
    import signal
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
