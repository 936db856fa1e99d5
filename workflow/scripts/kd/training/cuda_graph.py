"""A training step as a CUDA graph: the host launches one graph instead of its kernels."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch

from kd.data.loader import Loader, Samples
from kd.io.log import logger
from kd.training.step import Step

WARM_UP = 3  # steps that a CUDA graph wants to have been run before: they choose kernels and make buffers


class GraphedStep:
    """A step that is recorded once and then replayed.

    The first steps run as they are, and so do batches of another size. A step that cannot be recorded, such
    as that of a method which reads a number back, goes on as it is and says so. The last step of the warm-up
    shows whether it can be: after a recording that fails, torch 2.11 draws no random numbers any more.
    """

    def __init__(self, step: Step, loader: Loader) -> None:
        self._step, self._loader, self._run_before = step, loader, 0
        self._stream: torch.cuda.Stream | None = None  # one for the whole warm-up: each has memory of its own
        self._indices = torch.zeros(loader.batch_size, dtype=torch.int64, device=loader.device)
        self._graph: torch.cuda.CUDAGraph | None = None
        self._possible = True

    def __getattr__(self, name: str) -> Any:
        """All but the running of it is the step's own."""
        return getattr(self._step, name)

    @property
    def recorded(self) -> bool:
        """Whether steps are replayed by now."""
        return self._graph is not None

    def __call__(self, samples: Samples) -> None:
        """As Step does."""
        if len(samples.indices) != len(self._indices) or not self._possible:
            return self._step(samples)
        if self._run_before < WARM_UP:
            self._run_before += 1
            return self._on_another_stream(samples)
        self._loader.check(samples)  # a replay runs no code that would
        self._indices.copy_(samples.indices)
        if self._graph is None and not self._record(samples):
            return self._step(samples)
        return self._graph.replay()

    def _on_another_stream(self, samples: Samples) -> None:
        """Autograd remembers the stream of a step, and a graph cannot be recorded on the default one."""
        self._stream = self._stream or torch.cuda.Stream()
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream), waits_noticed() as waits:
            self._step(samples)
        torch.cuda.current_stream().wait_stream(self._stream)
        if waits and self._run_before == WARM_UP:
            self._give_up(f"a step waits for the device in {waits[-1].filename}:{waits[-1].lineno}")

    def _give_up(self, reason: str) -> None:
        self._possible = False
        logger.warning("goes on without a CUDA graph: %s", reason)

    def _record(self, samples: Samples) -> bool:
        """Recording runs nothing: the batch at hand is computed by the first replay.

        The graph reads where `samples` lie now: their numbers in a tensor of its own, and their images, where
        they are streamed, in the place that the loader has for all batches.
        """
        graph = torch.cuda.CUDAGraph()
        self._step.optimizer.zero_grad()  # so that the gradients are allocated in the memory of the graph
        try:
            # Threads that read images may allocate page-locked memory meanwhile: in the usual mode, "global",
            # that ends the recording, and the thread with it.
            with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                self._step(replace(samples, indices=self._indices))
        except RuntimeError as error:
            cause = error.__context__ or error  # the error itself may say only that something went wrong
            self._give_up(str(cause).splitlines()[0])
        else:
            self._graph = graph
        return self._possible


@contextmanager
def waits_noticed() -> Iterator[list[warnings.WarningMessage]]:
    """What made the host wait for the device in the block, as warnings, once that has ended."""
    mode, waits = torch.cuda.get_sync_debug_mode(), []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield waits
        finally:
            torch.cuda.set_sync_debug_mode(mode)
            waits += [warning for warning in caught if "synchronizing CUDA operation" in str(warning.message)]


AnyStep = Step | GraphedStep
