"""Which of an image's numbered views is seen when, and in which order samples come.

Both are pure functions of (seed, epoch, sample): not of batches, workers, devices or what ran before. So a
student sees exactly the view whose teacher logits were cached, and a resumed run sees what an uninterrupted
one would have seen.
"""

import numpy as np

# One for each purpose, so that what is drawn for one is unrelated to the others; more: rows.py.
_VIEW_STREAM, _ORDER_STREAM, _ROW_STREAM, _STEP_STREAM = 1, 2, 3, 4

Numbers = int | np.ndarray  # one for all, or (B,) integers


def _scramble(x: np.ndarray) -> np.ndarray:
    """The output function of SplitMix64 (Steele, Lea & Flood 2014), a bijection of uint64."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def random_words(stream: int, *parts: Numbers) -> np.ndarray:
    """uint64, each a function of the stream and of its own integers of `parts` only: (B,) if one is."""
    state = np.zeros(np.broadcast_shapes(*(np.shape(part) for part in parts)), dtype=np.uint64)
    golden = np.uint64(0x9E3779B97F4A7C15)
    for part in (stream, *parts):
        state = _scramble(state + golden + np.asarray(part).astype(np.uint64))
    return state


def below(words: np.ndarray, count: int) -> np.ndarray:
    """Words (B,) uint64 as int64 in [0, count)."""
    return (words % np.uint64(count)).astype(np.int64)


def visit_views(seed: int, epochs: Numbers, samples: np.ndarray, views: int) -> np.ndarray:
    """The views of these samples (B,) in these epochs (0-based): (B,) int64 in [0, views)."""
    return below(random_words(_VIEW_STREAM, seed, epochs, samples), views)


def views_seen(seed: int, epoch: int, samples: int, views: int) -> np.ndarray:
    """The view of every sample in `epoch` (0-based): (samples,) int64 in [0, views)."""
    return visit_views(seed, epoch, np.arange(samples), views)


def rows_seen(seed: int, epoch: int, samples: int, versions: int) -> np.ndarray:
    """Which of its versions every sample shows in `epoch`: (samples,) int64 in [0, versions).

    Each sample goes through all of them in turn, from one that is drawn for the seed.
    """
    first = random_words(_ROW_STREAM, seed, np.arange(samples)) % np.uint64(versions)
    return (first.astype(np.int64) + epoch) % versions


def step_seed(seed: int, epoch: int, first: int, rank: int) -> int:
    """For what one of several processes draws in the step of `epoch` that begins with sample `first`."""
    return int(random_words(_STEP_STREAM, seed, epoch, first, np.array([rank]))[0])


def order_seen(seed: int, epoch: int, samples: int) -> np.ndarray:
    """The order of the samples in `epoch` (0-based): a permutation, (samples,) int64."""
    return np.argsort(random_words(_ORDER_STREAM, seed, epoch, np.arange(samples)), kind="stable")
