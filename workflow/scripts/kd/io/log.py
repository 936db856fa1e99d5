"""The logger of everything here; kd/runtime/script.py says where the lines of a job go."""

import logging
import os
from pathlib import Path
from typing import TextIO

from kd.errors import shown

logger = logging.getLogger("kd")
VERBOSE = "KD_VERBOSE"  # 1: all lines of all jobs go to the terminal, as well as to their logs


def verbose() -> bool:
    """Whether the user has asked for all lines on the terminal."""
    return os.environ.get(VERBOSE, "") not in ("", "0")


def log_to(path: Path | str, terminal: TextIO) -> logging.FileHandler:
    """Send lines to the end of the file `path`, and warnings and errors to `terminal` too.

    With KD_VERBOSE=1 all of them go there.
    """
    logger.setLevel(logging.INFO)
    # A file's name may be no text; stderr escapes what cannot be written by itself.
    to_file = logging.FileHandler(path, mode="a", encoding="utf-8", errors="backslashreplace")
    to_terminal = logging.StreamHandler(terminal)
    to_terminal.setLevel(logging.INFO if verbose() else logging.WARNING)
    for handler in (to_terminal, to_file):
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", datefmt="%H:%M:%S"))
        logger.addHandler(handler)
    return to_file


def _show(record: logging.LogRecord) -> bool:
    """Foreign text in a line, such as a server's answer, cannot write on a terminal."""
    record.msg, record.args = "\n".join(map(shown, record.getMessage().split("\n"))), ()
    return True


logger.addFilter(_show)
