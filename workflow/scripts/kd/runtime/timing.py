"""Timing calls in turn, so that a disturbance of the machine affects all of them alike."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from statistics import median, quantiles
from timeit import timeit
from typing import Any

import torch

REPETITIONS = 15
BURST = 0.01  # seconds of calls that are timed together: single ones are shorter than a clock is good for


def milliseconds(calls: Mapping[Any, Callable[[], object]]) -> dict[Any, dict[str, float]]:
    """What one call of each takes: median, and 25th and 75th percentile (low, high), in milliseconds.

    In every repetition all take their turn; of each turn the mean of a burst of calls counts, before which
    one is not timed, because what ran before has emptied the caches.
    """
    counts = {name: _count(call) for name, call in calls.items()}
    times_of: dict[Any, list[float]] = {name: [] for name in calls}
    for _ in range(REPETITIONS):
        for name, call in calls.items():
            if counts[name] > 1:
                call()
            times_of[name].append(1000 * _seconds(call, counts[name]) / counts[name])
    return {name: summary(times) for name, times in times_of.items()}


def summary(times: list[float]) -> dict[str, float]:
    """Median, 25th and 75th percentile of some times, in nanoseconds at most; linear between times."""
    low, _, high = quantiles(times, n=4, method="inclusive")
    return {"median": round(median(times), 6), "low": round(low, 6), "high": round(high, 6)}


def _count(call: Callable[[], object]) -> int:
    """Calls in a burst; the very first, which sets things up, does not count."""
    call()
    return max(1, round(BURST / max(_seconds(call, 1), 1e-5)))


def _seconds(call: Callable[[], object], count: int) -> float:
    return timeit(call, number=count, timer=time.perf_counter)


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute on one core, and on as many as before when the block ends."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
