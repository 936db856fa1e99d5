"""Signs that a method teaches nothing, or drowns the labels.

They are read from what an epoch reports and from logits that are there anyway, so no step costs more.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor

LARGE = 1000.0  # times the cross-entropy
TERM = "loss_"  # begins the names of a loss's terms in a history
CE = f"{TERM}ce"
SURE = 2.0  # standard deviations above which an agreement is more than chance
Row = Mapping[str, float]  # of a history


def term_alarms(history: Sequence[Row], epochs: int) -> dict[tuple[str, str], str]:
    """What the terms of a method show in the epochs so far: by kind and term a text, of the first time.

    A term that was 0 in an epoch ("zero"); that was the same in two epochs in a row, to the bit ("constant");
    or that was a thousand times the cross-entropy ("large"), which is that of the first epoch that has one,
    before it is learnt. No sign is a 0 in the last of all `epochs` alone: some weights fall to 0 there, as
    published, and what does nothing for one epoch does no harm.
    """
    signs: dict[tuple[str, str], str] = {}
    reference = next((row[CE] for row in history if row.get(CE)), math.inf)
    for row in history:
        for term, value in _terms(row).items():
            if value == 0 and not _faded(term, row, history, epochs):
                signs.setdefault(("zero", term), f"loss term {term} is 0 in epoch {row['epoch']}")
            if abs(value) > LARGE * abs(reference):
                times = f"{abs(value / reference):,.0f} times the cross-entropy"
                signs.setdefault(("large", term), f"loss term {term} is {times} in epoch {row['epoch']}")
    for before, row in pairwise(history):
        for term, value in _terms(row).items():
            if value and value == _terms(before).get(term):
                epochs = f"epochs {before['epoch']} and {row['epoch']}"
                text = f"loss term {term} does not change: {value:g} in {epochs}"
                signs.setdefault(("constant", term), text)
    return signs


def _faded(term: str, row: Row, history: Sequence[Row], epochs: int) -> bool:
    """Whether a term that is 0 in this row, the last of the training, was there in an epoch before."""
    return row["epoch"] == epochs and any(_terms(other).get(term) for other in history[:-1])


def _terms(row: Row) -> dict[str, float]:
    """Those of a method, by name; a row has none for the terms of other phases."""
    return {
        name.removeprefix(TERM): value
        for name, value in row.items()
        if name.startswith(TERM) and name != CE and value is not None
    }


def agreement_alarm(student: Tensor, teacher: Tensor) -> str | None:
    """A text where both networks predict the same class no more often than by chance; else None.

    Chance is that of independent predictions that are as frequent as theirs, as in Cohen's kappa (1960); less
    than two standard deviations above it is no more.

    student, teacher: (N, C) logits of the same samples.
    """
    samples, classes = student.shape
    first, second = (logits.argmax(1) for logits in (student, teacher))
    shares = [torch.bincount(predicted, minlength=classes) / samples for predicted in (first, second)]
    chance = (shares[0].double() * shares[1].double()).sum().item()
    same = (first == second).double().mean().item()
    if chance == 1 or same > chance + SURE * math.sqrt(chance * (1 - chance) / samples):
        return None
    numbers = f"{100 * same:.1f} %, {100 * chance:.1f} % expected"
    return f"agreement with the teacher is no better than chance: {numbers}"
