"""Images that stay in host memory, or in files mapped into it, and come to the device batch by batch."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kd.data.shards import Shards
from kd.data.views import ViewedImages

WORKERS = 2  # threads that read; copying rows releases the interpreter's lock
AHEAD = 4  # batches that are read before they are wanted


class StreamedImages(ViewedImages):
    """Takes the views that ViewedImages takes, to the bit, of images that are not on the device."""

    def __init__(self, images: Tensor | Shards, device: torch.device, *views: Any) -> None:
        """`views`: what ViewedImages takes besides images: augmentation, mean and deviation."""
        self._source = images
        # One place for all batches: a CUDA graph reads where it read when it was recorded.
        self._buffer = torch.empty(0, *images.shape[1:], dtype=torch.uint8, device=device)
        self._pinned: list[_Pinned] = []
        super().__init__(self._buffer, *views)
        self.samples = images.shape[0]

    def raw(self, indices: Tensor) -> Tensor:
        """Read now."""
        return self._read(indices.cpu().numpy()).to(self.device, non_blocking=True)

    def prefetch(self, batches: Sequence[np.ndarray], room: int) -> Iterator[Tensor]:
        """The images of each batch, all in the same place: what was there before is overwritten."""
        if len(self._buffer) < room:
            self._buffer = self._buffer.new_empty((room, *self._buffer.shape[1:]))
            cuda = self.device.type == "cuda"
            self._pinned = [_Pinned(self._buffer) for _ in range(AHEAD + 2)] if cuda else []
        for number, pixels in enumerate(_ahead(self._read_into_place, batches, range(len(batches)))):
            yield self._hand_over(pixels, number)

    def read_ahead(self, batches: Sequence[Tensor]) -> Iterator[Tensor]:
        """The images of each batch, in memory of its own."""
        for pixels in _ahead(self._read, [batch.cpu().numpy() for batch in batches]):
            yield pixels.to(self.device, non_blocking=True)

    def _read(self, samples: np.ndarray) -> Tensor:
        pixels = torch.as_tensor(self._source[samples])
        return pixels.pin_memory() if self.device.type == "cuda" else pixels

    def _read_into_place(self, samples: np.ndarray, number: int) -> Tensor:
        pixels = torch.as_tensor(self._source[samples])
        return self._pinned[number % len(self._pinned)].hold(pixels) if self._pinned else pixels

    def _hand_over(self, pixels: Tensor, number: int) -> Tensor:
        rows = self._buffer[: len(pixels)].copy_(pixels, non_blocking=True)
        if self._pinned:
            self._pinned[number % len(self._pinned)].copied.record()
        return rows


def _ahead(read: Callable[..., Tensor], *arguments: Sequence[Any]) -> Iterator[Tensor]:
    """What `read` makes of the arguments, in order, AHEAD of them before they are wanted."""
    waiting: deque[Future[Tensor]] = deque()
    with ThreadPoolExecutor(WORKERS) as pool:
        for values in zip(*arguments, strict=True):
            waiting.append(pool.submit(read, *values))
            if len(waiting) > AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


class _Pinned:
    """Page-locked memory for one batch, from which it is copied while the host goes on.

    Allocated once: to allocate it in a thread for every batch would disturb a step that is being recorded.
    """

    def __init__(self, like: Tensor) -> None:
        self._memory = torch.empty(like.shape, dtype=like.dtype, pin_memory=True)
        self.copied = torch.cuda.Event()  # recorded after the copy of the batch that it held last

    def hold(self, pixels: Tensor) -> Tensor:
        """Put a batch here, once the last one has left."""
        self.copied.synchronize()
        return self._memory[: len(pixels)].copy_(pixels)
