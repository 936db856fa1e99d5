"""The binary form of CIFAR: records of some label bytes, then the red, the green and the blue plane."""

from collections.abc import Mapping, Sequence

import numpy as np

PIXELS = 3 * 32 * 32  # bytes of an image, plane by plane, each row by row


def decode(
    members: Mapping[str, bytes], names: Sequence[str], classes: int, *, labels: int = 1, label: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, 32, 32, 3) uint8 and labels (N,) int64 of the files `names`, in that order.

    A record begins with `labels` bytes, of which number `label` counts, a class below `classes`.
    Raises ValueError naming the file that is malformed.
    """
    record = labels + PIXELS
    parts = []
    for name in names:
        content = members[name]
        if not content or len(content) % record:
            raise ValueError(f"{name} has {len(content)} bytes, which is no multiple of {record}")
        records = np.frombuffer(content, dtype=np.uint8).reshape(-1, record)
        if (largest := records[:, label].max()) >= classes:
            raise ValueError(f"{name} has the label {largest}, but there are {classes} classes")
        parts.append(records)
    records = np.concatenate(parts)
    images = records[:, labels:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return images, records[:, label].astype(np.int64)
