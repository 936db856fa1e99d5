"""The logger of everything here; kd/runtime/script.py says where the lines of a job go."""

import logging

from kd.errors import shown

logger = logging.getLogger("kd")


def _show(record: logging.LogRecord) -> bool:
    """Foreign text in a line, such as a server's answer, cannot write on a terminal."""
    record.msg, record.args = "\n".join(map(shown, record.getMessage().split("\n"))), ()
    return True


logger.addFilter(_show)
