"""Which of an image's numbered views is seen when, and in which order samples come.

Both are pure functions of (seed, epoch, sample): not of batches, workers, devices or what ran before. So a
student sees exactly the view whose teacher logits were cached, and a resumed run sees what an uninterrupted
one would have seen.
"""

import numpy as np

_VIEW_STREAM, _ORDER_STREAM = 1, 2  # so that view and order of a sample are unrelated


def _scramble(x: np.ndarray) -> np.ndarray:
    """The output function of SplitMix64 (Steele, Lea & Flood 2014), a bijection of uint64."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _random_words(stream: int, seed: int, epoch: int, samples: int) -> np.ndarray:
    """(samples,) uint64, each a function of (stream, seed, epoch, its own index) only."""
    state = np.zeros(samples, dtype=np.uint64)
    golden = np.uint64(0x9E3779B97F4A7C15)
    for part in (stream, seed, epoch, np.arange(samples, dtype=np.uint64)):
        state = _scramble(state + golden + np.asarray(part, dtype=np.uint64))
    return state


def views_seen(seed: int, epoch: int, samples: int, views: int) -> np.ndarray:
    """The view of every sample in `epoch` (0-based): (samples,) int64 in [0, views)."""
    return (_random_words(_VIEW_STREAM, seed, epoch, samples) % np.uint64(views)).astype(np.int64)


def order_seen(seed: int, epoch: int, samples: int) -> np.ndarray:
    """The order of the samples in `epoch` (0-based): a permutation, (samples,) int64."""
    return np.argsort(_random_words(_ORDER_STREAM, seed, epoch, samples), kind="stable")
