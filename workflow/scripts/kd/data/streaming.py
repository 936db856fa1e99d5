"""Images that stay in host memory, or in files mapped into it, and come to the device batch by batch."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from kd.data.shards import Shards
from kd.data.views import ViewedImages

WORKERS = 2  # threads that read; copying rows releases the interpreter's lock
AHEAD = 4  # batches that are read before they are wanted
Batch = tuple[int, Tensor]  # the number of samples before it, and its own (B,) int64


class StreamedImages(ViewedImages):
    """Takes the views that ViewedImages takes, to the bit, of images that are not on the device."""

    def __init__(
        self,
        images: Tensor | Shards,
        device: torch.device,
        pad: int,
        flip: bool,
        mean: Sequence[float],
        std: Sequence[float],
        area: tuple[float, float] | None = None,
    ) -> None:
        self._source = images
        # One place for all batches: a CUDA graph reads where it read when it was recorded.
        self._buffer = torch.empty(0, *images.shape[1:], dtype=torch.uint8, device=device)
        self._fed: Tensor | None = None  # the samples whose images are in it
        super().__init__(self._buffer, pad, flip, mean, std, area)
        self.samples = images.shape[0]

    def fed(self, batches: Iterable[Batch], done: int = 0) -> Iterator[Batch]:
        """The batches that come after `done` samples, each when its images are there for `take`."""
        batches = list(batches)
        sizes = [len(indices) for _, indices in batches]
        self._make_room(max(sizes))
        # All numbers at once: to read a batch's back between two steps would wait for the device.
        numbers = torch.cat([indices for _, indices in batches]).cpu().split(sizes)
        on_host = {first: each.numpy() for (first, _), each in zip(batches, numbers, strict=True)}
        waiting: deque[tuple[Batch, Future]] = deque()
        with ThreadPoolExecutor(WORKERS) as pool:
            try:
                for batch in super().fed(batches, done):
                    waiting.append((batch, pool.submit(self._read, on_host[batch[0]])))
                    if len(waiting) > AHEAD:
                        yield self._hand_over(*waiting.popleft())
                while waiting:
                    yield self._hand_over(*waiting.popleft())
            finally:  # also of a training that is broken off
                self._fed = None

    def _make_room(self, size: int) -> None:
        if len(self._buffer) < size:
            self._buffer = self._buffer.new_empty((size, *self._buffer.shape[1:]))

    def _read(self, samples: np.ndarray) -> Tensor:
        pixels = torch.as_tensor(self._source[samples])
        return pixels.pin_memory() if self.device.type == "cuda" else pixels

    def _hand_over(self, batch: Batch, read: Future) -> Batch:
        self._fed = batch[1]
        self._buffer[: len(self._fed)].copy_(read.result(), non_blocking=True)
        return batch

    def _rows(self, indices: Tensor) -> Tensor:
        """Those that were fed, in training; elsewhere they are read now."""
        if self._fed is None:
            return self._read(indices.cpu().numpy()).to(self.device, non_blocking=True)
        # Which they are is known on the device alone, and asking it would make the host wait.
        if self.device.type == "cpu" and not torch.equal(indices, self._fed):
            raise RuntimeError("other samples are taken than those that were fed")
        return self._buffer[: len(indices)]
