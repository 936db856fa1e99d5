"""What must hold while a job computes: code and inputs are as planned, and no other job writes its files."""

import hashlib
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from kd.code.planned import LoadedCode
from kd.errors import UserError
from kd.io.locks import locked

LOCKS = Path(".snakemake/kd-locks")
TOLERANCE = 1.0  # seconds by which clocks of two machines may differ


@contextmanager
def guarded(snakemake: Any) -> Iterator[None]:
    """Check before the block that nothing is otherwise than planned, and after it what was loaded meanwhile.

    Two jobs that write the same files run one after the other: the first may have been started by a Snakemake
    that was killed just now. Raises UserError.
    """
    refuse_later_than_now(snakemake.input)
    outputs = hashlib.sha256("\0".join(snakemake.output).encode()).hexdigest()[:16]
    writes = f"waits for another job that writes {snakemake.output[0]}"
    with code_as_planned(), locked(LOCKS / outputs, writes):
        yield


@contextmanager
def code_as_planned() -> Iterator[None]:
    """Check before and after the block that the code which this process has loaded is the planned one.

    Raises UserError.
    """
    # Snakemake runs a copy, in which this is the name of the script itself.
    script = Path(getattr(sys.modules["__main__"], "__file__", "")).name
    code = LoadedCode()
    code.check(script)
    yield
    code.check(script)


def refuse_later_than_now(files: Iterable[str]) -> None:
    """UserError for a file dated in the future: Snakemake would take what is made of it for out of date."""
    now = time.time()
    for file in files:
        modified = Path(file).stat().st_mtime
        if modified > now + TOLERANCE:
            times = (datetime.fromtimestamp(seconds).isoformat(" ", "seconds") for seconds in (modified, now))
            raise UserError(
                "{}: is dated {}, and now it is {}; set the clock, or: touch {}".format(file, *times, file)
            )
