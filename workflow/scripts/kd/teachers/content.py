"""A number for the targets that a run needs, whichever chunks they lie in.

So the note of a run is the same however its store came to be: by one job or several, in one go or after a
kill. It is a sum over entries, and each entry is mixed by SplitMix64's bijection. That finds other numbers
than were meant; that a chunk is as it was written its own checksum says.
"""

from collections.abc import Iterable, Mapping

import numpy as np

from kd.data.sampler import random_words

WORD = 8  # bytes
STREAM = 0  # of the words, which nothing is drawn by


def content_of(entries: Iterable[tuple[np.ndarray, Mapping[str, np.ndarray]]]) -> str:
    """16 hexadecimal digits for entries that come in parts: positions (n,) int64, arrays (n, …) by name.

    The order and the parts do not count.
    """
    total = 0
    for positions, arrays in entries:
        total += int(random_words(STREAM, positions, *_words(arrays)).sum(dtype=np.uint64))
    return f"{total % 2**64:016x}"


def _words(arrays: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """The bytes of each entry as words of eight: (n,) uint64 each."""
    words = []
    for name in sorted(arrays):
        plain = np.ascontiguousarray(arrays[name])
        row = plain.view(np.uint8).reshape(len(plain), -1)
        row = np.pad(row, ((0, 0), (0, -row.shape[1] % WORD)))
        words += list(row.view(np.uint64).T)
    return words
