"""A network run by several threads of one process at once; PyTorch's kernels hold no lock of Python's."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TypeVar

import torch

Part, Result = TypeVar("Part"), TypeVar("Result")


def side_by_side(work: Callable[[Part], Iterator[Result]], parts: Sequence[Part]) -> list[Result]:
    """What `work` yields of all `parts`, in their order; each part has a thread of its own.

    Each thread has as many of torch's threads as this one, so the bits of a kernel's results are the same
    however many parts there are. The first error, in the order of the parts, is raised; the other threads
    end after what they are at.
    """
    if len(parts) == 1:
        return list(work(parts[0]))
    over = Event()

    def all_of(part: Part) -> list[Result]:
        done = []
        try:
            for result in work(part):
                done.append(result)
                if over.is_set():
                    break
        except BaseException:
            over.set()
            raise
        return done

    torch_threads = {"initializer": torch.set_num_threads, "initargs": (torch.get_num_threads(),)}
    with ThreadPoolExecutor(len(parts), **torch_threads) as pool:
        futures = [pool.submit(all_of, part) for part in parts]
        try:
            return [result for future in futures for result in future.result()]
        finally:
            over.set()  # also where this thread is interrupted
