"""Makes the library speak on the terminal while the Snakefile is read; jobs speak by script.py."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def aloud() -> Iterator[None]:
    """While the block runs, what the logger "kd" says goes to stderr: stdout is for --dag and --summary."""
    logger, handler = logging.getLogger("kd"), logging.StreamHandler(sys.stderr)
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(before)
        logger.removeHandler(handler)
