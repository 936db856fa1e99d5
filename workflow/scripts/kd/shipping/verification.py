"""Whether the files in which a student is shipped answer as the network that was trained."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from kd.errors import UserError
from kd.metrics import expected_calibration_error

TOLERANCE = 1e-4  # of the largest logit: float32 has 6e-8, which the layers of a deep network add up
RECORDED = 1e-2  # likewise of what a training wrote down, perhaps on a GPU, whose products are rounder
BATCH = 64
Run = Callable[[np.ndarray], np.ndarray]  # (B, C, H, W) uint8 -> logits (B, classes) float32


def answers(run: Run, images: np.ndarray) -> np.ndarray:
    """The logits (N, classes) of images (N, C, H, W) uint8: the first alone, the others in batches.

    So the first batch is of one image, the last may be of any size, and no size is taken on trust.
    """
    bounds = [0, *range(1, len(images), BATCH), len(images)]
    return np.concatenate([run(images[first:last]) for first, last in pairwise(bounds)])


def compared(logits: np.ndarray, expected: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """How logits (N, classes) differ from those expected, and how well they do by labels (N,) int64.

    `largest_difference` of two logits; `same_predictions`, `accuracy` and `ece` in percent.
    """
    predicted = logits.argmax(1)
    return {
        "largest_difference": float(np.abs(logits - expected).max()),
        "same_predictions": 100 * float((predicted == expected.argmax(1)).mean()),
        "accuracy": 100 * float((predicted == labels).mean()),
        "ece": expected_calibration_error(torch.from_numpy(logits), torch.from_numpy(labels)),
    }


def check(name: str, found: dict[str, Any], expected: np.ndarray, tolerance: float = TOLERANCE) -> None:
    """UserError if the file `name` answers otherwise than expected (N, classes), beyond rounding.

    Within it a prediction can only change where two logits are as close as that.
    """
    allowed = tolerance * max(1.0, float(np.abs(expected).max()))
    if not found["largest_difference"] <= allowed:  # which no number is, if it is none
        raise UserError(
            f"{name}: its logits differ by up to {found['largest_difference']:.2g} from those expected, and"
            f" {allowed:.2g} is allowed ({found['same_predictions']:.2f} % of the predictions are the same);"
            " nothing is exported"
        )


def spread(count: int, most: int) -> np.ndarray:
    """The numbers of at most `most` of `count` images, evenly over all: (n,) int64, rising."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))
