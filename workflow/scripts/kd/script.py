"""How every script of the workflow runs: its log, and how it ends when something is wrong."""

import logging
import sys
from collections.abc import Callable
from typing import Any

from kd.ending import Stopped, end_with_snakemake
from kd.errors import UserError


def run(log: str, main: Callable[..., None], **arguments: Any) -> None:
    """Call `main`, with the logger "kd" going to stderr and to the file `log`.

    A UserError ends the process with its message alone and status 1; any other error with its
    traceback in the log as well. When Snakemake dies the process does not go on for nobody.
    """
    end_with_snakemake()
    logger = logging.getLogger("kd")
    logger.setLevel(logging.INFO)
    for handler in (logging.StreamHandler(sys.stderr), logging.FileHandler(log, mode="w", encoding="utf-8")):
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
    except Exception:
        logger.exception("unexpected error; please report it with the log %s", log)
        sys.exit(1)
