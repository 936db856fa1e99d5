"""The processes that train one network, each with a device of its own: what they agree on, and who does what.

torch calls them ranks, numbered from 0. One process alone is a group as well, which communicates with nobody.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from signal import Signals
from typing import Any

import torch
from torch import Tensor, distributed, nn

from kd.runtime.signals import Stopped


@dataclass(frozen=True)
class Ranks:
    """This process, `rank`, among `count`. What they have in common is called by all at the same place."""

    rank: int = 0
    count: int = 1
    host: Any = None  # the group whose messages go from host to host, without the devices
    stop: Any = None  # the signal that asks the whole job to stop, in shared memory; see StopSignal

    @property
    def first(self) -> bool:
        """Whether it is this process that writes logs, checkpoints and outputs."""
        return self.rank == 0

    def part(self, count: int) -> slice:
        """This rank's part of `count` things: contiguous, as torch.tensor_split cuts them."""
        least, more = divmod(count, self.count)
        start = self.rank * least + min(self.rank, more)
        return slice(start, start + least + (self.rank < more))

    def highest(self, *values: int) -> tuple[int, ...]:
        """The highest of each of these numbers on any rank; waits for the other hosts, and for no device."""
        if self.count == 1:
            return values
        numbers = torch.tensor(values)
        distributed.all_reduce(numbers, distributed.ReduceOp.MAX, group=self.host)
        return tuple(numbers.tolist())

    def of_first(self, *values: float) -> tuple[float, ...]:
        """These numbers as the first rank has them, so that all take the same decisions."""
        if self.count == 1:
            return values
        numbers = torch.tensor(values, dtype=torch.float64)
        distributed.broadcast(numbers, 0, group=self.host)
        return tuple(numbers.tolist())

    @contextmanager
    def first_before_others(self) -> Iterator[None]:
        """The first rank runs the block, then the others do."""
        if not self.first:
            self.wait()
        yield
        if self.first:
            self.wait()

    def stop_if_asked(self) -> None:
        """Raise Stopped if the job is to end: in work of which nothing is lost that is done so far."""
        if self.stop is not None and self.stop.value:
            raise Stopped(Signals(self.stop.value).name)

    def wait(self) -> None:
        """Until all ranks are here."""
        self.highest(0)

    def gathered(self, part: Tensor, count: int) -> Tensor:
        """All `count` rows (count, ...), on every rank, where each has the rows of its own `part(count)`."""
        if self.count == 1:
            return part
        padded = part.new_zeros((-(-count // self.count), *part.shape[1:]))
        padded[: len(part)] = part
        parts = [torch.empty_like(padded) for _ in range(self.count)]
        distributed.all_gather(parts, padded)
        rows = (Ranks(rank, self.count).part(count) for rank in range(self.count))
        return torch.cat([rank[: row.stop - row.start] for rank, row in zip(parts, rows, strict=True)])

    def same_buffers(self, module: nn.Module) -> None:
        """Give every rank the buffers of the first, such as the statistics of batch norm."""
        if self.count == 1:
            return
        for buffer in module.buffers():
            distributed.broadcast(buffer, 0)


ALONE = Ranks()
