"""What the losses of methods are made of, in plain Python: one number at a time, as a paper writes it."""

from math import exp, isfinite, log

import numpy as np
import pytest

RANDOM = np.random.default_rng(7)
STUDENT, TEACHER = RANDOM.normal(size=(2, 5, 7)) * 3
LABELS = np.array([0, 6, 3, 3, 1])

# Three classes, one sample, label 0: small enough for a pencil. The logits are logarithms of the probabilities.
SMALL_TEACHER, SMALL_STUDENT = np.log([[1 / 2, 1 / 4, 1 / 4]]), np.log([[1 / 4, 1 / 2, 1 / 4]])


def softened(row, temperature=1.0):
    """Probabilities of one sample's logits."""
    powers = [exp(z / temperature) for z in row]
    return [power / sum(powers) for power in powers]


def without(row, label):
    """All but one entry."""
    return [value for i, value in enumerate(row) if i != label]


def renormalised(row):
    return [value / sum(row) for value in row]


def kl(p, q):
    """KL(p ‖ q) of one sample."""
    return sum(a * log(a / b) for a, b in zip(p, q, strict=True))


def cross(p, q):
    """Cross-entropy of one sample."""
    return -sum(a * log(b) for a, b in zip(p, q, strict=True))


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def z_scores(logits):
    """Standardised with the variance of a sample, by C − 1."""
    rows = [[float(z) for z in row] for row in logits]
    means = [mean(row) for row in rows]
    deviations = [
        (sum((z - m) ** 2 for z in row) / (len(row) - 1)) ** 0.5 for row, m in zip(rows, means, strict=True)
    ]
    return np.array(
        [[(z - m) / (s + 1e-7) for z in row] for row, m, s in zip(rows, means, deviations, strict=True)]
    )


def slopes(loss, logits, step=1e-5):
    """The gradient of `loss`, a function of logits (B, C), by central differences: an array (B, C)."""
    gradient = np.zeros_like(logits)
    for place in np.ndindex(logits.shape):
        up, down = logits.copy(), logits.copy()
        up[place] += step
        down[place] -= step
        gradient[place] = (loss(up) - loss(down)) / (2 * step)
    return gradient


def differs(value, mistakes, rel=1e-4):
    """`value` is none of what known mistakes, by name, would give."""
    for name, wrong in mistakes.items():
        wrong = wrong.item() if hasattr(wrong, "item") else wrong
        assert isfinite(wrong), name
        assert value.item() != pytest.approx(wrong, rel=rel), name


def slopes_along(loss, tensors, *, step=1e-5, rel=1e-6):
    """The gradients of float64 `tensors`, one at a time, are those of `loss`, a function of a list of arrays.

    Each is compared along a random direction, and along itself, or little would be compared. A tensor without a
    gradient is one that the loss does not depend on.
    """
    random, arrays = np.random.default_rng(0), [tensor.detach().numpy().copy() for tensor in tensors]
    for place, tensor in enumerate(tensors):
        gradient = np.zeros(tensor.shape) if tensor.grad is None else tensor.grad.numpy()
        way = random.normal(size=tensor.shape)
        way = way / np.linalg.norm(way) + gradient / max(np.linalg.norm(gradient), 1e-12)
        values = []
        for side in (step, -step):
            moved = [array + side * way if here == place else array for here, array in enumerate(arrays)]
            values.append(float(loss(moved)))
        slope = (values[0] - values[1]) / (2 * step)
        assert (gradient * way).sum() == pytest.approx(slope, rel=rel, abs=1e-8), place
