"""Near-duplicates: shots of one scene, or one picture in two files."""

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 9, 8  # of what is compared: the difference hash of 64 bits is made of it
BITS = 4  # that the hashes of two may differ in
SAME = 0.98  # correlation of their grey values, at least
PLAIN = 4.0  # standard deviation below which an image shows nothing that could be compared
MOST = 10**9  # pairs that are compared, in seconds; more are not


def thumbnail_of(pixels: np.ndarray) -> bytes:
    """The thumbnail that is compared, of an image (H, W, 3) uint8: WIDTH x HEIGHT grey values."""
    small = Image.fromarray(pixels).convert("L").resize((WIDTH, HEIGHT), Image.Resampling.BOX)
    return small.tobytes()


def near_duplicates(first: list[bytes], second: list[bytes]) -> list[tuple[int, int]] | None:
    """Pairs (i, j) of second[j] and its nearest near-duplicate first[i]; None where there are too many.

    Two images are near-duplicates if their difference hashes differ in at most BITS, and their grey values
    correlate.
    """
    if len(first) * len(second) > MOST:
        return None
    if not first or not second:
        return []
    (hashes, grey), (others, other_grey) = _compared(first), _compared(second)
    pairs = []
    for j in np.flatnonzero(other_grey.any(axis=1)):
        near = np.flatnonzero(np.bitwise_count(hashes ^ others[j]) <= BITS)
        likeness = grey[near] @ other_grey[j]
        if len(near) and likeness.max() >= SAME:
            pairs.append((int(near[likeness.argmax()]), int(j)))
    return pairs


def _compared(thumbnails: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
    """The hashes (N,) uint64 and the grey values (N, 72) of length 1, or 0 where an image shows nothing."""
    grey = np.frombuffer(b"".join(thumbnails), dtype=np.uint8).reshape(len(thumbnails), HEIGHT, WIDTH)
    bits = np.packbits((grey[:, :, 1:] > grey[:, :, :-1]).reshape(len(thumbnails), -1), axis=1)
    flat = grey.reshape(len(thumbnails), -1).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    shows = flat.std(axis=1, keepdims=True) >= PLAIN
    flat *= shows / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)
    return bits.view(np.uint64)[:, 0], flat
