"""Whether an imported teacher numbers the classes as the data set does, by what it predicts."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment

from kd.errors import UserError

SHOWN = 10  # classes of an order in a message
ROWS = 100  # numbers of rows
DEVIATIONS = 2.0  # of the share of correct predictions by chance, below which a teacher is at chance


def check_predictions(
    path: Path,
    logits: np.ndarray,
    labels: np.ndarray,
    classes: Sequence[str],
    names: Sequence[str] | None = None,
) -> None:
    """UserError if the teacher of the weights in `path` is at chance, or right in another order of classes.

    logits: (N, classes), labels: (N,). `names`: of the classes in the order of the outputs, where its file
    has them. Another order explains the predictions if it takes away more than half of the errors. At chance
    is what gets no more right than always saying the most frequent class, by two standard deviations.
    """
    predicted = logits.argmax(axis=1)
    accuracy, chance = np.mean(predicted == labels), _chance(labels)
    best, order = _best_order(predicted, labels, len(classes))
    right = f"{accuracy:.1%} of the images right"
    if 1 - best < (1 - accuracy) / 2 and best > chance:
        meant = _listed([classes[label] for label in order])
        rows = _listed(np.argsort(order).tolist(), ROWS)
        raise UserError(
            f"{path}: its outputs are in another order of classes: {right}, but {best:.1%} if they are"
            f" {meant}; the order of the data set is {_listed(classes)}. Put the rows of its last layer into"
            f" that order: weight[order] and bias[order] with order = {rows}"
        )
    if accuracy <= chance:
        raise UserError(
            f"{path}: at chance on this data: {right}. The likely cause is another order of classes: that of"
            f" the data set is {_listed(classes)}, {_other(classes, names)}. Else it was trained on other"
            " images, or with another mean and std, which are keys of this teacher"
        )


def _chance(labels: np.ndarray) -> float:
    """The share of correct predictions up to which a teacher may have learned nothing."""
    share = np.bincount(labels).max() / len(labels)
    return share + DEVIATIONS * float(np.sqrt(share * (1 - share) / len(labels)))


def _best_order(predicted: np.ndarray, labels: np.ndarray, classes: int) -> tuple[float, np.ndarray]:
    """The share that is right if output k means class order[k], for the order in which that is highest."""
    confusion = np.zeros((classes, classes), np.int64)
    np.add.at(confusion, (predicted, labels), 1)
    outputs, order = linear_sum_assignment(confusion, maximize=True)
    return confusion[outputs, order].sum() / len(labels), order


def _other(classes: Sequence[str], names: Sequence[str] | None) -> str:
    """The order of the file, or what is usual elsewhere."""
    if names:
        return f"and that of the file {_listed(names)}"
    usual = {"of ImageFolder, by name": sorted(classes), "by number": sorted(classes, key=_natural)}
    for title, order in usual.items():
        if order != list(classes):
            return f"and a usual other one, {title}, is {_listed(order)}"
    return "which is by name, as ImageFolder has it; the file says nothing of its own"


def _natural(name: str) -> list[tuple[bool, int, str]]:
    """Numbers in a name count as numbers: class 2 comes before class 10."""
    return [
        (not part.isdecimal(), int(part) if part.isdecimal() else 0, part)
        for part in re.split(r"(\d+)", name)
    ]


def _listed(items: Sequence[object], shown: int = SHOWN) -> str:
    rest = len(items) - shown
    text = ", ".join(str(item)[:40] for item in items[:shown])
    return f"[{text}, and {rest} more]" if rest > 0 else f"[{text}]"
