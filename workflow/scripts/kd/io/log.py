"""The logger of everything here; kd/runtime/script.py says where the lines of a job go."""

import logging
import os

from kd.errors import shown

logger = logging.getLogger("kd")
VERBOSE = "KD_VERBOSE"  # 1: all lines of all jobs go to the terminal, as well as to their logs


def verbose() -> bool:
    """Whether the user has asked for all lines on the terminal."""
    return os.environ.get(VERBOSE, "") not in ("", "0")


def _show(record: logging.LogRecord) -> bool:
    """Foreign text in a line, such as a server's answer, cannot write on a terminal."""
    record.msg, record.args = "\n".join(map(shown, record.getMessage().split("\n"))), ()
    return True


logger.addFilter(_show)
