"""Temperature scaling, and a confidence below which predictions are rejected, both from validation logits.

Neither changes a prediction or sees the test split, on which both are measured.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from scipy.optimize import brentq
from torch import Tensor
from torch.nn import functional

from kd.evaluation.classification import Judged, ece_of, judge, reliability
from kd.evaluation.logits import pieces


def calibrate(
    validation: np.ndarray, validation_labels: np.ndarray, test: np.ndarray, labels: np.ndarray, target: float
) -> dict[str, Any]:
    """The temperature and the threshold that the validation split gives, and what they do on the test split.

    `validation` and `test`: logits (N, classes) float of one network, labels (N,) int64. `target`: the
    accuracy, 0 to 1, that predictions at or above the threshold are to have on the validation split.
    Accuracies and coverages are in per cent, NLL in nats. The temperature is null where none fits; the
    threshold is then one of the probabilities as they are. It is null where no threshold reaches the target.
    """
    temperature = fit_temperature(validation, validation_labels)
    known = judge(validation, validation_labels, temperature or 1.0)
    judged = judge(test, labels, temperature or 1.0)
    threshold = threshold_for(known.confidence, known.right, target)
    bins = reliability(judged)
    scaled = {"nll": float(judged.losses.mean()), "ece": ece_of(bins), "reliability": bins}
    if temperature is None:
        scaled = dict.fromkeys(scaled)
    return {
        "images": len(validation_labels),
        "temperature": temperature,
        **scaled,
        "target": round(100 * target, 10),
        "threshold": threshold,
        "validation": accepted(known, threshold),
        "test": accepted(judged, threshold),
    }


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float | None:
    """The temperature T that minimises the NLL of softmax(z / T): Guo et al. 2017 (arXiv:1706.04599), 4.2.

    logits z: (N, classes) float, labels (N,) int64. The NLL is convex in 1 / T, so its minimum is where its
    derivative crosses 0. It never does, and there is no T, where every sample is predicted correctly (the
    smaller T, the better), or where true classes have no more than the mean logit (the larger T, the better).
    """

    def slope(inverse: float) -> float:
        return _slope(logits, labels, lambda z: (functional.softmax(inverse * z, dim=1) * z).sum(1))

    if _slope(logits, labels, lambda z: z.amax(1)) <= 0 or _slope(logits, labels, lambda z: z.mean(1)) >= 0:
        return None
    # From T = 1 on, doubled or halved until the minimum is passed: each evaluation goes through all logits.
    falls = slope(1.0) < 0
    near, far = 1.0, 2.0 if falls else 0.5
    while (slope(far) < 0) == falls:
        near, far = far, far * (2.0 if falls else 0.5)
    return 1 / brentq(slope, near, far, xtol=1e-12, rtol=1e-10)


def _slope(logits: np.ndarray, labels: np.ndarray, expected: Callable[[Tensor], Tensor]) -> float:
    """The mean over samples of what is `expected` of logits z (B, classes), (B,), minus the true class's z_y.

    With Σ_k p_k z_k, p = softmax(z / T), that is the derivative of the NLL by 1 / T; for T → 0 the highest
    logit is expected, for T → ∞ the mean.
    """
    first, total = 0, 0.0
    for (piece,) in pieces(logits):
        true = torch.from_numpy(labels[first : first + len(piece), None])
        total += float((expected(piece) - piece.gather(1, true)[:, 0]).sum())
        first += len(piece)
    return total / len(labels)


def threshold_for(confidence: np.ndarray, right: np.ndarray, target: float) -> float | None:
    """The lowest confidence from which on the share `target` of the predictions is right.

    confidence: (N,) float, the highest probability of each sample; right: (N,) bool. 0 where no sample has to
    be rejected, None where no threshold is enough. That is the selection function of Geifman & El-Yaniv 2017
    (arXiv:1705.08500) with the softmax response, without their bound: the share is that of these samples.
    """
    order = np.argsort(-confidence, kind="stable")
    ordered = confidence[order]
    accuracy = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    last = np.append(ordered[1:] < ordered[:-1], True)  # equal confidences are accepted together, or not
    enough = np.flatnonzero(last & (accuracy >= target))
    if not len(enough):
        return None
    return 0.0 if enough[-1] == len(order) - 1 else float(ordered[enough[-1]])


def accepted(judged: Judged, threshold: float | None) -> Mapping[str, float | None]:
    """Coverage, the share of samples at or above the threshold, and the accuracy on these, in per cent."""
    if threshold is None:
        return {"coverage": None, "accuracy": None}
    taken = judged.confidence >= threshold
    accuracy = 100 * float(judged.right[taken].mean()) if taken.any() else None
    return {"coverage": 100 * float(taken.mean()), "accuracy": accuracy}
