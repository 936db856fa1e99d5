"""How large stored targets are: for the plan, the check of the disk, and the documents. Without torch."""

from collections.abc import Iterable, Mapping
from math import prod

from kd.data.augmentation import Augmentation

HALF = 2  # bytes of a logit, and of a sum
SUMS = 5  # of the logits that are not stored
GAP = 1  # bytes from an entry to the next, where most entries are there
CHUNK = 600  # bytes of a chunk beside its entries: header and checksum, about
LEAST = 4096  # entries in a chunk that is not the last of a job, about


def entry_bytes(classes: int, top_k: int | None = None) -> int:
    """Of the targets of one image in one view: all logits, or the largest with their labels, and sums."""
    if top_k is None:
        return HALF * classes
    label = 1 if classes <= 2**8 else 2 if classes <= 2**15 else 4
    return top_k * (HALF + label) + HALF * SUMS


def store_bytes(entries: float, classes: int, top_k: int | None = None) -> int:
    """Bytes of the chunks of so many entries, in chunks as small as a job writes them."""
    entry = entry_bytes(classes, top_k) + GAP
    return round(entries * entry + CHUNK * entries / LEAST) + (CHUNK if entries else 0)


def expected_entries(samples: int, augmentation: Augmentation, epochs: Mapping[int, int]) -> float:
    """Entries that a study sees: by seed, the `epochs` of its longest run.

    Of numbered views each epoch shows one at random, and the same may come again. `dataset.views` are shown
    in turn. Where each visit has its own view, each epoch of each seed adds all samples.
    """
    if not augmentation.finite:
        return samples * sum(epochs.values())
    count = augmentation.count
    if augmentation.views:
        unseen = prod(1 - min(length, count) / count for length in epochs.values())
    else:
        unseen = (1 - 1 / count) ** sum(epochs.values())
    return samples * count * (1 - unseen)


def longest(runs: Iterable[tuple[int, int]]) -> dict[int, int]:
    """By seed, the epochs of the longest of these runs (seed, epochs)."""
    epochs: dict[int, int] = {}
    for seed, length in runs:
        epochs[seed] = max(length, epochs.get(seed, 0))
    return epochs
