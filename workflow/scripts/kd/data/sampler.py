"""Which of an image's numbered views is seen when, and in which order samples come.

Both are pure functions of (seed, epoch, sample): not of batches, workers, devices or what ran before. So a
student sees exactly the view whose teacher logits were cached, and a resumed run sees what an uninterrupted
one would have seen.
"""

from collections.abc import Sequence

import numpy as np

# One for each purpose, so that what is drawn for one is unrelated to the others; more: rows.py.
_VIEW_STREAM, _ORDER_STREAM, _ROW_STREAM, _STEP_STREAM = 1, 2, 3, 4
_MATE_STREAM, _MATE_VIEW_STREAM = 11, 12
CLASS, PREVIOUS = COMPANIONS = "class", "previous"  # what may go with a sample, see companions_of

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


def companions_of(kind: str, seed: int, epoch: int, labels: np.ndarray, sizes: Sequence[int]) -> np.ndarray:
    """For each sample the one that goes with it in `epoch` (0-based): (N,) int64.

    "class": any of its class, drawn for it in each epoch. "previous": of the batch before, at the same place;
    of a shorter batch those at its beginning again. The first batch of all has its own.
    labels: (N,) int64; sizes: of the batches of an epoch.
    """
    if kind == CLASS:
        return _of_the_class(seed, epoch, labels)
    return _of_the_batch_before(seed, epoch, len(labels), sizes)


def _of_the_class(seed: int, epoch: int, labels: np.ndarray) -> np.ndarray:
    by_class, counts = np.argsort(labels, kind="stable"), np.bincount(labels)
    starts = np.cumsum(counts) - counts
    words = random_words(_MATE_STREAM, seed, epoch, np.arange(len(labels)))
    places = (words % counts[labels].astype(np.uint64)).astype(np.int64)
    return by_class[starts[labels] + places]


def _of_the_batch_before(seed: int, epoch: int, samples: int, sizes: Sequence[int]) -> np.ndarray:
    order, companions = order_seen(seed, epoch, samples), np.empty(samples, dtype=np.int64)
    before = order_seen(seed, epoch - 1, samples)[-sizes[-1] :] if epoch else order[: sizes[0]]
    for batch in np.split(order, np.cumsum(sizes)[:-1]):
        companions[batch] = before[np.arange(len(batch)) % len(before)]
        before = batch
    return companions


def companion_views(seed: int, epoch: int, samples: int, views: int) -> np.ndarray:
    """The view in which each sample's companion is shown: (samples,) int64 in [0, views)."""
    return below(random_words(_MATE_VIEW_STREAM, seed, epoch, np.arange(samples)), views)
