"""A network's test logits against the labels: its losses, its confidence, its mistakes."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import brier_score_loss, confusion_matrix, f1_score, recall_score
from torch import Tensor
from torch.nn import functional

from kd.evaluation.logits import pieces
from kd.evaluation.metrics import BINS

MOST_CLASSES = 100  # of which a whole confusion matrix is kept
MISTAKES = 10  # the most frequent, which are named
TOP = 5  # classes, one of which has to be the true one


@dataclass(frozen=True)
class Judged:
    """A network's predictions for N samples, beside their labels."""

    labels: np.ndarray  # (N,) int64
    predicted: np.ndarray  # (N,) int64
    confidence: np.ndarray  # (N,) float64, the probability of the class that is predicted
    losses: np.ndarray  # (N,) float64, cross-entropies in nats
    ranks: np.ndarray  # (N,) int64, how many classes stand before the true one
    brier: float  # mean over samples of the sum over classes
    classes: int

    @property
    def right(self) -> np.ndarray:
        """Which are predicted as they should be, (N,) bool."""
        return self.predicted == self.labels


def judge(logits: np.ndarray, labels: np.ndarray, temperature: float = 1.0) -> Judged:
    """Go once through logits (N, classes) float, with the labels (N,) int64 of the same samples.

    The logits are divided by the temperature. Of equal ones the class that comes first stands before.
    The Brier score (Brier 1950, Monthly Weather Review 78) is the squared distance of the probabilities from
    what is the case, 0 to 2.
    """
    classes, first, brier = logits.shape[1], 0, 0.0
    columns: list[tuple[np.ndarray, ...]] = []
    for (piece,) in pieces(logits):
        here = labels[first : first + len(piece)]
        scaled, true = piece / temperature, torch.from_numpy(here)
        probabilities = functional.softmax(scaled, dim=1)
        confidence = probabilities.amax(1)
        losses = functional.cross_entropy(scaled, true, reduction="none")
        distance = brier_score_loss(here, probabilities.numpy(), labels=range(classes), scale_by_half=False)
        brier += len(piece) * float(distance)
        first += len(piece)
        columns.append([part.numpy() for part in (piece.argmax(1), confidence, losses, _ranks(piece, true))])
    arrays = (np.concatenate(parts) for parts in zip(*columns, strict=True))
    return Judged(labels, *arrays, brier / len(labels), classes)


def _ranks(logits: Tensor, labels: Tensor) -> Tensor:
    """How many classes stand before the true one, (B,) int64."""
    own = logits.gather(1, labels[:, None])
    first = torch.arange(logits.shape[1]) < labels[:, None]
    return ((logits > own) | ((logits == own) & first)).sum(1)


def figures(judged: Judged) -> dict[str, Any]:
    """The numbers of a run, by the names that diagnosis.json has for them."""
    right, bins = judged.right, reliability(judged)
    accuracies = class_accuracy(judged.predicted, judged.labels, judged.classes)
    return {
        "correct": int(right.sum()),
        "wrong": int((~right).sum()),
        "loss_correct": _mean(judged.losses[right]),
        "loss_wrong": _mean(judged.losses[~right]),
        "nll": float(judged.losses.mean()),
        "brier": judged.brier,
        "ece": ece_of(bins),
        "top5_accuracy": 100 * float((judged.ranks < TOP).mean()) if judged.classes > TOP else None,
        "balanced_accuracy": _mean(np.array([part for part in accuracies if part is not None])),
        "macro_f1": _macro_f1(judged),
        "reliability": bins,
        "confusion": _confusion(judged) if judged.classes <= MOST_CLASSES else None,
        "confused": _confused(judged),
        "class_accuracy": accuracies,
    }


def _macro_f1(judged: Judged) -> float:
    """The mean of the F1 scores of the classes that have samples, in percent.

    That is the "averaged F1" of Opitz & Burst 2019 (arXiv:1911.03347), equation 2.
    """
    known = np.unique(judged.labels)
    scores = f1_score(judged.labels, judged.predicted, labels=known, average="macro", zero_division=0)
    return 100 * float(scores)


def ece_of(bins: Sequence[Mapping[str, Any]]) -> float:
    """In percent, of the bins that `reliability` returns: Guo et al. 2017 (arXiv:1706.04599), equation 3."""
    gaps = [part["count"] * abs(part["accuracy"] - part["confidence"]) for part in bins if part["count"]]
    return 100 * sum(gaps) / sum(part["count"] for part in bins)


def reliability(judged: Judged) -> list[dict[str, Any]]:
    """Accuracy at each level of confidence: for 15 bins (low, high] of it.

    DeGroot & Fienberg 1983, as Guo et al. 2017 draw it. Confidence and accuracy are means from 0 to 1.
    """
    which = np.clip(np.ceil(judged.confidence * BINS), 1, BINS).astype(int) - 1
    counts, confidence, right = (
        np.bincount(which, weights, minlength=BINS) for weights in (None, judged.confidence, judged.right)
    )
    return [
        {
            "low": number / BINS,
            "high": (number + 1) / BINS,
            "count": int(counts[number]),
            "confidence": float(confidence[number] / counts[number]) if counts[number] else None,
            "accuracy": float(right[number] / counts[number]) if counts[number] else None,
        }
        for number in range(BINS)
    ]


def class_accuracy(predicted: np.ndarray, labels: np.ndarray, classes: int) -> list[float | None]:
    """Percent of each class's samples that are predicted as it; None of a class without samples."""
    recalls = recall_score(labels, predicted, labels=range(classes), average=None, zero_division=np.nan)
    return [None if np.isnan(recall) else 100 * float(recall) for recall in recalls]


def worst(judged: Judged, count: int) -> list[dict[str, Any]]:
    """The samples with the largest losses, the worst first."""
    order = np.argsort(-judged.losses, kind="stable")[:count]
    columns = {"index": np.arange(len(judged.losses)), "true": judged.labels, "predicted": judged.predicted}
    columns |= {"loss": judged.losses, "confidence": judged.confidence}
    return pd.DataFrame(columns).iloc[order].to_dict("records")


def confusion_change(judged: Judged, before: np.ndarray) -> list[list[int]] | None:
    """The confusion matrix minus that of other predictions (N,), in images; None of too many classes."""
    if judged.classes > MOST_CLASSES:
        return None
    others = confusion_matrix(judged.labels, before, labels=range(judged.classes))
    return (np.array(_confusion(judged)) - others).tolist()


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None


def _confusion(judged: Judged) -> list[list[int]]:
    return confusion_matrix(judged.labels, judged.predicted, labels=range(judged.classes)).tolist()


def _confused(judged: Judged) -> list[list[int]]:
    """Mistakes as [true, predicted, how many], the most frequent first, equal ones in order."""
    pairs = np.stack([judged.labels, judged.predicted], axis=1)[~judged.right]
    counts = Counter(sorted(map(tuple, pairs.tolist()))).most_common(MISTAKES)
    return [[*pair, count] for pair, count in counts]
