"""The state of a training that is under way, kept so that it can go on where it was cut off, to the bit."""

import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import Tensor

from kd.io.atomic import NotWritten
from kd.io.files import NotRead
from kd.io.log import logger
from kd.io.tensors import Corrupt, read_tensors, write_tensors
from kd.runtime.ranks.group import ALONE, Ranks
from kd.runtime.signals import StopSignal

State = tuple[
    dict[str, Tensor], dict[str, Any]
]  # what the rest of a training depends on; facts as JSON has them
SHARE = 50  # at the end of an epoch the state is kept again after this many times what keeping it took


class Checkpoints:
    """Keeps the latest state of one training in a folder of its own, which is gone when the work is done.

    The folder must be named by all that the training is made from: a state is never read by another one.
    `every`: seconds between two states; `stopping` says whether the process is to end. Of several ranks the
    first one `writes`, and the others only read.
    """

    def __init__(self, folder: Path, every: float, stopping: StopSignal, *, writes: bool = True) -> None:
        self._path, self._every, self._stopping = folder / "checkpoint.safetensors", every, stopping
        self._writes = writes
        self._kept, self._cost = time.monotonic(), 0.0

    def load(self) -> State | None:
        """The last state, or None if there is none; one that is not whole is reported and not used.

        Raises NotRead for one that cannot be read: it may be whole, and the next one would replace it.
        """
        try:
            return read_tensors(self._path)
        except NotRead as error:
            if error.missing:
                return None
            raise
        except Corrupt as error:
            logger.warning("%s: not a whole checkpoint (%s); starts from the beginning", self._path, error)
            return None

    def due(self, ranks: Ranks = ALONE, *, epoch_ended: bool) -> tuple[bool, str]:
        """Whether it is time to keep the state, and the signal by which the process is to end, if it is.

        It is time after `every` seconds, when the process is to end, and at the end of an epoch, unless
        epochs are so short that keeping would take more than a small share of the time. All ranks agree.
        """
        since = time.monotonic() - self._kept
        due = since >= self._every or (epoch_ended and since >= SHARE * self._cost)
        stopping = int(signal.Signals[self._stopping.name]) if self._stopping() else 0
        due, stopping = ranks.highest(int(due and self._writes), stopping)
        return bool(due or stopping), signal.Signals(stopping).name if stopping else ""

    def keep(self, state: State) -> None:
        """Write the state in place of the last one, which stays until the new one is whole.

        Where that cannot be done (a full disk) the training goes on, and it is tried again later.
        """
        if not self._writes:
            return
        started = time.monotonic()
        tensors, facts = state
        arrays = {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()}
        try:
            write_tensors(self._path, arrays, facts)
        except NotWritten as error:
            logger.warning("the state could not be kept: %s", error)
        self._kept = time.monotonic()
        self._cost = self._kept - started


@contextmanager
def kept_until_done(
    folder: Path | None, every: float, stopping: StopSignal, *, writes: bool = True
) -> Iterator[Checkpoints | None]:
    """Checkpoints in `folder`, which is gone when the block has ended without an error; None without one."""
    if folder is None:
        yield None
        return
    yield Checkpoints(folder, every, stopping, writes=writes)
    if writes:
        shutil.rmtree(folder, ignore_errors=True)
