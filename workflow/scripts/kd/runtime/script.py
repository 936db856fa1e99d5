"""How every script of the workflow runs: its log, and how it ends when something is wrong."""

import errno
import logging
import sys
import threading
from collections.abc import Callable
from typing import Any

from kd.errors import UserError
from kd.runtime.signals import Stopped, end_with_snakemake

_OF_THE_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO}


def run(log: str, main: Callable[..., None], **arguments: Any) -> None:
    """Call `main`, with the logger "kd" going to stderr and to the file `log`.

    A UserError, and a disk that is full or fails, end the process with their message alone and status 1; any
    other error with its traceback in the log as well. When Snakemake dies the process does not go on for
    nobody.
    """
    end_with_snakemake()
    threading.excepthook = _tell_of_thread
    logging.raiseExceptions = False  # a log that cannot be written, on a full disk, is not what went wrong
    logger = logging.getLogger("kd")
    logger.setLevel(logging.INFO)
    # A file's name may be no text; stderr escapes what cannot be written by itself.
    to_file = logging.FileHandler(log, mode="w", encoding="utf-8", errors="backslashreplace")
    for handler in (logging.StreamHandler(sys.stderr), to_file):
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", datefmt="%H:%M:%S"))
        logger.addHandler(handler)
    try:
        main(**arguments)
    except UserError as error:
        logger.error("error: %s", error)
        sys.exit(1)
    except Stopped as stopped:
        logger.error("stopped by %s; run again, it goes on from its checkpoint", stopped)
        sys.exit(1)
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _OF_THE_DISK:
            logger.error("error: %s; mend that and run again", error)
            sys.exit(1)
        logger.exception("unexpected error; please report it with the log %s", log)
        sys.exit(1)


def _tell_of_thread(what: threading.ExceptHookArgs) -> None:
    """TensorBoard's thread keeps its trouble with the disk for the next call, which then says it."""
    if not issubclass(what.exc_type, OSError):
        threading.__excepthook__(what)
