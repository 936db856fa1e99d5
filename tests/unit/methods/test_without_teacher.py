"""Controls that have no teacher, against plain numbers from the papers' formulas."""

from math import log

import pytest
import torch
from batches import batch_of
from by_hand import LABELS, STUDENT, cross, kl, mean, softened
from torch.nn import functional

from kd.distillation.combined import build_method
from kd.methods.tfkd import tfkd_loss, virtual_teacher

LABELLED = list(zip(STUDENT, LABELS, strict=True))


def tensors():
    return torch.tensor(STUDENT), torch.tensor(LABELS)


def smoothed_loss(student, labels, smoothing):
    method = build_method("label_smoothing", {"smoothing": smoothing})
    return method.losses(batch_of(student, None, labels.tolist()))["ce"]


def row(label, own, other, classes=7):
    return [own if i == label else other for i in range(classes)]


def differs(value, mistakes):
    for name, wrong in mistakes.items():
        assert value.item() != pytest.approx(wrong, rel=1e-4), name


@pytest.mark.parametrize("smoothing", [0.1, 0.5])
def test_smoothed_labels(smoothing):
    """(1 − ε) and ε / C for the label, ε / C for each other class."""
    share = smoothing / 7
    right = mean(cross(row(y, 1 - smoothing + share, share), softened(s)) for s, y in LABELLED)
    loss = smoothed_loss(*tensors(), smoothing)
    assert loss.item() == pytest.approx(right, rel=1e-9)
    share = smoothing / 6
    mistakes = {
        "over classes too": right / 7,
        "C − 1": mean(cross(row(y, 1 - smoothing, share), softened(s)) for s, y in LABELLED),
        "turned": mean(cross(row(y, smoothing, (1 - smoothing) / 6), softened(s)) for s, y in LABELLED),
        "not smoothed": mean(-log(softened(s)[y]) for s, y in LABELLED),
    }
    differs(loss, mistakes)


def test_smoothed_labels_with_a_pencil():
    """Probabilities 3/4, 1/4 and a label of 0.95, 0.05."""
    student = torch.tensor([[3.0, 1.0]]).double().log()
    expected = 0.95 * log(4 / 3) + 0.05 * log(4)
    assert smoothed_loss(student, torch.tensor([0]), 0.1).item() == pytest.approx(expected, rel=1e-9)


def test_label_smoothing_as_published():
    method = build_method("label_smoothing", {})
    assert method.describe() == "CE, labels smoothed by 0.1"
    terms = method.losses(batch_of(tensors()[0], None, LABELS))
    expected = functional.cross_entropy(*tensors(), label_smoothing=0.1)
    assert {name: term.item() for name, term in terms.items()} == {"ce": expected.item()}


def test_a_virtual_teacher():
    teacher = virtual_teacher(torch.zeros(2, 3).double(), torch.tensor([2, 0]), 0.9)
    assert teacher.tolist() == [pytest.approx([0.05, 0.05, 0.9]), pytest.approx([0.9, 0.05, 0.05])]


@pytest.mark.parametrize("temperature", [1.0, 20.0])
def test_tfkd(temperature):
    """The teacher's probabilities, 0.99 and 0.01/6, are softened as if they were logits; the student is not."""
    teachers = [softened(row(y, 0.99, 0.01 / 6), temperature) for y in LABELS]
    right = mean(kl(p, softened(s)) for p, s in zip(teachers, STUDENT, strict=True))
    loss = tfkd_loss(*tensors(), 0.99, temperature)
    assert loss.item() == pytest.approx(right, rel=1e-9)
    hard = [row(y, 0.99, 0.01 / 6) for y in LABELS]
    mistakes = {
        "over classes too": right / 7,
        "turned round": mean(kl(softened(s), p) for p, s in zip(teachers, STUDENT, strict=True)),
        "not softened": mean(kl(p, softened(s)) for p, s in zip(hard, STUDENT, strict=True)),
        "by C": mean(kl(softened(row(y, 0.9, 0.1 / 7), temperature), softened(s)) for s, y in LABELLED),
    }
    if temperature != 1:
        mistakes["T²"] = right * temperature**2
        pairs = zip(teachers, STUDENT, strict=True)
        mistakes["a softened student"] = mean(kl(p, softened(s, temperature)) for p, s in pairs)
    differs(loss, mistakes)


def test_tfkd_with_a_pencil():
    """(0.99 − 0.01) / T = log 2 makes 2/3 and 1/3; the student says 1/2."""
    loss = tfkd_loss(torch.zeros(1, 2).double(), torch.tensor([1]), 0.99, 0.98 / log(2))
    assert loss.item() == pytest.approx(2 / 3 * log(4 / 3) + 1 / 3 * log(2 / 3), rel=1e-9)


def test_tfkd_as_published():
    method = build_method("tfkd", {})
    assert (method.temperature, method.correct, method.ce_weight, method.kd_weight) == (20, 0.99, 0.9, 0.1)
    assert method.describe() == "0.9·CE + 0.1·KL, virtual teacher right by 0.99, T=20"
    terms = method.losses(batch_of(tensors()[0], None, LABELS))
    assert terms["kd"].item() == pytest.approx(0.1 * tfkd_loss(*tensors(), 0.99, 20.0).item())
    assert terms["ce"].item() == pytest.approx(0.9 * mean(-log(softened(s)[y]) for s, y in LABELLED))
