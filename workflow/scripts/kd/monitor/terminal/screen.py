"""Lines on stderr, and on a terminal a live view below them."""

import os
import threading
from contextlib import suppress
from typing import TextIO

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text


def has_live_view(stream: TextIO) -> bool:
    """Whether `stream` is a terminal that can move its cursor up. The output of a notebook's cell cannot."""
    dumb = os.environ.get("TERM", "") in ("", "dumb", "unknown") or "JPY_PARENT_PID" in os.environ
    return not dumb and stream.isatty()


class Screen:
    """Writes to `stream`; with `live` it keeps a view below the lines. What cannot be written is left out."""

    def __init__(self, stream: TextIO, live: bool) -> None:
        self._stream, self._writing = stream, threading.Lock()
        self._live: Live | None = None
        if live:
            console = Console(file=stream, force_terminal=True, soft_wrap=False)
            self._live = Live(console=console, auto_refresh=False, transient=True)

    @property
    def live(self) -> bool:
        """Whether there is a view."""
        return self._live is not None

    def view(self, view: RenderableType) -> None:
        """Draw `view` in the place of the one before."""
        if self._live:
            if not self._live.is_started:
                self._live.start()
            self._live.update(view, refresh=True)

    def line(self, text: str) -> None:
        """Write a line above the view."""
        with suppress(OSError, ValueError), self._writing:
            if self._live and self._live.is_started:
                self._live.console.print(Text(text), soft_wrap=True)
            else:
                self._stream.write(f"{text}\n")
                self._stream.flush()

    def close(self) -> None:
        """Remove the view, and leave the terminal as it was."""
        if self._live:
            with suppress(OSError, ValueError):
                self._live.stop()
        self._live = None
