"""Whether the files of an exported student have the logits of the network that was trained."""

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from kd.data.dataset import Dataset
from kd.errors import UserError
from kd.evaluation.metrics import expected_calibration_error
from kd.export.pixels import pixels, spread
from kd.io.log import logger
from kd.runtime.device import device_name
from kd.runtime.provenance import EXPORT, versions

TOLERANCE = 1e-4  # of the largest logit: float32 has 6e-8, which the layers of a deep network add up
RECORDED = 1e-2  # likewise of what a training wrote down, perhaps on a GPU, whose products are rounder
USEFUL = 90.0  # percent of the network's predictions that int8 should keep
BATCH = 64
Run = Callable[[np.ndarray], np.ndarray]  # (B, C, H, W) uint8 -> logits (B, classes) float32


def verify(
    made: Mapping[str, Run],
    files: Mapping[str, str],
    data: Dataset[torch.Tensor],
    recorded: np.ndarray,
    most: int,
) -> dict[str, Any]:
    """Each format on at most `most` test images beside "pytorch", and that beside its `recorded` logits.

    `files`: what the formats are called. Raises UserError naming the file that differs; int8 is meant to
    differ, so that is measured alone, with a warning if little of the network is left in it.
    """
    chosen = spread(len(data.test_labels), most)
    images, labels = pixels(data.test_images, chosen), data.test_labels.numpy()[chosen]
    expected = run_all(made["pytorch"], images)
    formats = {"pytorch": checked(files["pytorch"], expected, recorded[chosen], labels, RECORDED)}
    for name in [name for name in made if name != "pytorch"]:
        examine = rounded if name == "int8" else checked
        formats[name] = examine(files[name], run_all(made[name], images), expected, labels)
    return {
        "formats": formats,
        "files": {name: files[name] for name in made},
        "images": len(chosen),
        "test_images": len(data.test_labels),
        "largest_logit": float(np.abs(expected).max()),
        "tolerance": TOLERANCE,
        "device": device_name(torch.device("cpu")),
        "threads": 1,
        "versions": versions(packages=EXPORT),
    }


def run_all(run: Run, images: np.ndarray) -> np.ndarray:
    """The logits (N, classes) of images (N, C, H, W) uint8: the first alone, the others in batches.

    So the first batch is of one image, the last may be of any size, and no size is taken on trust.
    """
    bounds = [0, *range(1, len(images), BATCH), len(images)]
    return np.concatenate([run(images[first:last]) for first, last in pairwise(bounds)])


def compared(name: str, logits: np.ndarray, expected: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """How logits (N, classes) differ from those expected, and how well they do by labels (N,) int64.

    `largest_difference` of two logits; `same_predictions`, `accuracy` and `ece` in percent. UserError naming
    the file where the logits are not finite.
    """
    if not np.isfinite(logits).all():
        raise UserError(f"{name}: its logits are not all finite; nothing is exported")
    predicted = logits.argmax(1)
    return {
        "largest_difference": float(np.abs(logits - expected).max()),
        "same_predictions": 100 * float((predicted == expected.argmax(1)).mean()),
        "accuracy": 100 * float((predicted == labels).mean()),
        "ece": expected_calibration_error(torch.from_numpy(logits), torch.from_numpy(labels)),
    }


def checked(
    name: str, logits: np.ndarray, expected: np.ndarray, labels: np.ndarray, tolerance: float = TOLERANCE
) -> dict[str, float]:
    """The scores of `compared` for the file `name`; UserError if the logits differ by more than rounding.

    No logit may be further from the expected one than `tolerance` of the largest, and a prediction may be
    another one only where the two highest logits are as close as that.
    """
    scores = compared(name, logits, expected, labels)
    allowed = tolerance * max(1.0, float(np.abs(expected).max()))
    if not scores["largest_difference"] <= allowed:  # which no number is, if it is none
        raise UserError(
            f"{name}: its logits differ by up to {scores['largest_difference']:.2g} from those expected, and"
            f" {allowed:.2g} is allowed ({scores['same_predictions']:.2f} % of the predictions are the same);"
            " nothing is exported"
        )
    second, first = np.sort(expected, axis=1)[:, -2:].T
    wrong = (logits.argmax(1) != expected.argmax(1)) & (first - second > allowed)
    if wrong.any():
        raise UserError(
            f"{name}: {wrong.sum()} of {len(wrong)} predictions are not those expected, though the two"
            f" highest logits are further apart than {allowed:.2g}; nothing is exported"
        )
    return scores


def rounded(name: str, logits: np.ndarray, expected: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """The scores of `compared` for a quantised file; UserError where its logits are not finite.

    Warns if fewer than 90 % of the predictions are those of the network.
    """
    scores = compared(name, logits, expected, labels)
    if scores["same_predictions"] < USEFUL:
        logger.warning(
            "%s: only %.2f %% of its predictions are those of the network (accuracy %.2f %%), as the card"
            " says too; leave it out with export: {int8: false}",
            name,
            scores["same_predictions"],
            scores["accuracy"],
        )
    return scores
