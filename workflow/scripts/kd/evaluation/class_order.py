"""Whether an imported teacher numbers the classes as the data set does, by what it predicts."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment

from kd.errors import UserError

SHOWN = 10  # classes of an order in a message
ROWS = 100  # numbers of rows
DEVIATIONS = 2.0  # of the share of correct predictions by chance, below which a teacher is at chance
UNLIKELY = 0.05  # probability that some order is as right by chance, up to which one is suggested


@dataclass(frozen=True)
class Advice:
    """What to do with a file in another order of classes, and what else may be wrong with one at chance."""

    order: str
    otherwise: str


OF_WEIGHTS = Advice(
    "Put the rows of its last layer into that order: weight[order] and bias[order]",
    "it was trained on other images, or with another mean and std, which are keys of this teacher",
)
OF_LOGITS = Advice(
    "Put its columns into that order: train_logits[..., order] and test_logits[..., order]",
    "it was trained on other images, or its rows are of other images than train_ids and test_ids say",
)


def check_predictions(
    path: Path,
    logits: np.ndarray,
    labels: np.ndarray,
    classes: Sequence[str],
    names: Sequence[str] | None = None,
    advice: Advice = OF_WEIGHTS,
) -> None:
    """UserError if the teacher in `path` is at chance, or right in another order of classes.

    logits: (N, classes), labels: (N,). `names`: of the classes in the order of the outputs, where its file
    has them. Another order explains the predictions if it takes away more than half of the errors. At chance
    is what gets no more right than always saying the most frequent class, by two standard deviations, and
    not all.
    """
    predicted = logits.argmax(axis=1)
    accuracy, chance = np.mean(predicted == labels), _chance(labels)
    best, order = _best_order(predicted, labels, len(classes))
    meant = [classes[label] for label in order]
    right = f"{accuracy:.1%} of the images right"
    if 1 - best < (1 - accuracy) / 2 and best > chance:
        rows = _listed(np.argsort(order).tolist(), ROWS)
        raise UserError(
            f"{path}: its outputs are in another order of classes: {right}, but {best:.1%} if they are"
            f" {_listed(meant)}; the order of the data set is {_listed(classes)}. {advice.order} with order ="
            f" {rows}"
        )
    if accuracy <= chance and accuracy < 1:  # of a few images all may be right by chance
        suggested = best > _chance_of_orders(labels, len(classes))
        other = f"and its predictions suggest {_listed(meant)}, in which {best:.1%} are right"
        raise UserError(
            f"{path}: at chance on this data: {right}. The likely cause is another order of classes: that of"
            f" the data set is {_listed(classes)}, {other if suggested else _other(classes, names)}. Else"
            f" {advice.otherwise}"
        )


def _chance(labels: np.ndarray) -> float:
    """The share of correct predictions up to which a teacher may have learned nothing."""
    share = np.bincount(labels).max() / len(labels)
    return share + DEVIATIONS * float(np.sqrt(share * (1 - share) / len(labels)))


def _chance_of_orders(labels: np.ndarray, classes: int) -> float:
    """The share up to which some order of the classes may well be right if the predictions tell nothing.

    An order is right for at most the share of the most frequent class, on average over such labels, and for
    more than that by t with a probability of at most exp(-2 N t²) (Hoeffding 1963, theorem 2). There are
    classes! orders: for all together it is at most UNLIKELY.
    """
    share = np.bincount(labels).max() / len(labels)
    orders = math.lgamma(classes + 1) - math.log(UNLIKELY)
    return share + math.sqrt(orders / (2 * len(labels)))


def _best_order(predicted: np.ndarray, labels: np.ndarray, classes: int) -> tuple[float, np.ndarray]:
    """The share that is right if output k means class order[k], for the order in which that is highest."""
    confusion = np.zeros((classes, classes), np.int64)
    np.add.at(confusion, (predicted, labels), 1)
    outputs, order = linear_sum_assignment(confusion, maximize=True)
    return confusion[outputs, order].sum() / len(labels), order


def _other(classes: Sequence[str], names: Sequence[str] | None) -> str:
    """The order of the file, or what is usual elsewhere, where the predictions suggest none."""
    if names:
        return f"and that of the file {_listed(names)}"
    usual = {"of ImageFolder, by name": sorted(classes), "by number": sorted(classes, key=_natural)}
    for title, order in usual.items():
        if order != list(classes):
            return f"and a usual other one, {title}, is {_listed(order)}"
    return (
        "which is by name, as ImageFolder has it; the file says nothing of its own, and its predictions fit"
        " no order better than chance"
    )


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
