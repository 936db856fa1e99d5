"""What distillation changed for single test images: against the baseline with the same seed."""

from collections.abc import Sequence
from typing import Any

import numpy as np

MOST = 8  # images of each of the two kinds


def changes(
    labels: np.ndarray, students: Sequence[np.ndarray], baselines: Sequence[np.ndarray], most: int = MOST
) -> dict[str, Any]:
    """How many images are `corrected` and `broken` in each seed, and which are so in the most seeds.

    `students` and `baselines` are predicted classes (N,) int64 of the same seeds, `labels` (N,) int64 the
    true ones. An image is corrected where the baseline is wrong and the student right, and broken the other
    way round. Of each kind up to `most` images are named, those with the most seeds first; an image that is
    broken in as many seeds as it is corrected in is in neither list.
    """
    own, before = np.stack(students), np.stack(baselines)  # (seeds, N)
    corrected = (own == labels) & (before != labels)
    broken = (own != labels) & (before == labels)
    return {
        "seeds": len(own),
        "corrected_count": corrected.sum(1).tolist(),
        "broken_count": broken.sum(1).tolist(),
        "corrected": _images(corrected, broken, before, labels, most),
        "broken": _images(broken, corrected, own, labels, most),
    }


def _images(
    these: np.ndarray, others: np.ndarray, wrong: np.ndarray, labels: np.ndarray, most: int
) -> list[dict[str, Any]]:
    """The images of one kind; `wrong` are the predictions (seeds, N) of the network that is wrong on them."""
    balance = these.sum(0) - others.sum(0)
    order = [index for index in np.argsort(-balance, kind="stable")[:most].tolist() if balance[index] > 0]
    return [
        {
            "index": index,
            "true": int(labels[index]),
            "wrong": int(
                np.bincount(wrong[these[:, index], index]).argmax()
            ),  # the class most often predicted
            "seeds": int(these[:, index].sum()),
        }
        for index in order
    ]
