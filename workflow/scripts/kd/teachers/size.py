"""How large stored targets are: for the plan, the check of the disk, and the documents."""

from collections.abc import Mapping
from math import prod

from kd.data.augmentation import Augmentation
from kd.teachers.encoding import Encoding

GAP = 1  # bytes from an entry to the next, where most entries are there
CHUNK = 600  # bytes of a chunk beside its entries: header and checksum, about
LEAST = 4096  # entries in a chunk that is not the last of a job, about


def store_bytes(entries: float, encoding: Encoding) -> int:
    """Bytes of the chunks of so many entries, in chunks as small as a job writes them."""
    return round(entries * (encoding.bytes + GAP) + CHUNK * entries / LEAST) + (CHUNK if entries else 0)


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
