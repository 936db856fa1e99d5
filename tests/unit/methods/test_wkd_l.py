"""WKD-L against plain numbers: the costs from images of classes, Sinkhorn's flow, and the falling weight."""

from math import cos, exp, pi

import numpy as np
import pytest
import torch
from batches import batch_of
from by_hand import LABELS, STUDENT, TEACHER, mean, renormalised, slopes, softened, without

from kd.distillation.base import Context
from kd.distillation.combined import build_method
from kd.errors import UserError
from kd.methods.nkd import target_loss
from kd.methods.wkd_l import class_distances, costs, transport, wkd_loss

COST = np.abs(np.random.default_rng(3).normal(size=(7, 7)))
COST = (COST + COST.T) * (1 - np.eye(7)) + 1e-8


def sinkhorn(first, second, cost, regularisation, rounds):
    """What one sample's distribution costs to become another, in Python's own numbers."""
    count = len(first)
    kernel = [[exp(-cost[i][j] / regularisation) for j in range(count)] for i in range(count)]
    u = [1 / count] * count
    for _ in range(rounds):
        v = [second[j] / (sum(kernel[i][j] * u[i] for i in range(count)) + 1e-8) for j in range(count)]
        u = [first[i] / (sum(kernel[i][j] * v[j] for j in range(count)) + 1e-8) for i in range(count)]
    return sum(u[i] * kernel[i][j] * v[j] * cost[i][j] for i in range(count) for j in range(count))


def by_hand(student, temperature, cost=COST, regularisation=0.05, rounds=10):
    terms = []
    for s, t, y in zip(student, TEACHER, LABELS, strict=True):
        q, p = (renormalised(without(softened(row, temperature), y)) for row in (s, t))
        rows = [without(row, y) for row in without(cost.tolist(), y)]
        terms.append(sinkhorn(q, p, rows, regularisation, rounds))
    return mean(terms)


def ours(student, temperature, cost=COST, regularisation=0.05, rounds=10, labels=LABELS, teacher=TEACHER):
    student, teacher, labels = (torch.as_tensor(value) for value in (student, teacher, labels))
    return wkd_loss(student, teacher, labels, torch.tensor(cost), temperature, regularisation, rounds)


@pytest.mark.parametrize(("temperature", "regularisation", "rounds"), [(1.0, 0.5, 3), (8.0, 0.05, 10)])
def test_what_moving_the_other_classes_costs(temperature, regularisation, rounds):
    known = temperature, COST, regularisation, rounds
    right = by_hand(STUDENT, *known)
    loss = ours(STUDENT, *known)
    assert loss.item() == pytest.approx(right, rel=1e-9)
    mistakes = {
        "over classes too": right / 6,
        "T²": right * temperature**2,
        "not softened": by_hand(STUDENT, 1.0 if temperature > 1 else 4.0, *known[1:]),
        "another number of iterations": by_hand(STUDENT, *known[:3], rounds + 20),
    }
    for name, wrong in mistakes.items():
        if name != "T²" or temperature > 1:
            assert loss.item() != pytest.approx(wrong, rel=1e-6), name
    student = torch.tensor(STUDENT, requires_grad=True)
    ours(student, *known).backward()
    assert student.grad.numpy() == pytest.approx(slopes(lambda z: by_hand(z, *known), STUDENT), abs=1e-7)


def test_between_two_classes_it_is_what_has_to_move():
    """0.7 and 0.3 to 0.4 and 0.6 at a cost of 2: 0.3 · 2, but for the entropy."""
    first, second = torch.tensor([[0.7, 0.3]]).double(), torch.tensor([[0.4, 0.6]]).double()
    cost = torch.tensor([[[0.0, 2.0], [2.0, 0.0]]]).double()
    assert transport(first, second, cost, 0.2, 50).item() == pytest.approx(0.6, rel=1e-3)
    assert transport(first, first, cost, 0.2, 50).item() == pytest.approx(0, abs=1e-3)


def test_a_confusion_of_classes_that_are_alike_costs_less():
    teacher = np.array([[0.0, 5.0, 0.0, 0.0]])
    near, far = np.array([[0.0, 0.0, 5.0, 0.0]]), np.array([[0.0, 0.0, 0.0, 5.0]])
    cost = np.ones((4, 4)) - np.eye(4) + 1e-8
    cost[1, 2] = cost[2, 1] = 0.1
    values = [ours(row, 1.0, cost, labels=[0], teacher=teacher).item() for row in (near, far)]
    assert values[0] < values[1] / 5


def cka(first, second):
    """1 of the same up to rotation and scale, from the definition with centring matrices."""
    count = len(first)
    centring = np.eye(count) - 1 / count
    a, b = (centring @ x @ x.T @ centring for x in (first, second))
    return (a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum())


def test_distances_of_classes():
    random = np.random.default_rng(0)
    labels = random.permutation([0] * 6 + [1] * 5 + [2] * 7)
    logits = random.normal(size=(18, 3))
    distances = class_distances(torch.tensor(logits), torch.tensor(labels), 3).numpy()
    rows = [logits[labels == c][:5] for c in range(3)]  # as many of each as the smallest has, in order
    right = np.array([[1 - cka(a, b) for a in rows] for b in rows])
    assert distances == pytest.approx(right, abs=1e-12)
    sharp = costs(torch.tensor(right), 2.0).numpy()
    assert sharp == pytest.approx(1 - np.exp(-2 * right) + 1e-8, abs=1e-12)
    assert (costs(torch.tensor([[-1e-6]]), 1.0) > 0).all()


def test_a_class_of_one_image_is_refused():
    with pytest.raises(
        UserError, match="wkd_l compares the images of classes, and class 1 has less than two"
    ):
        class_distances(torch.zeros(4, 2), torch.tensor([0, 0, 0, 1]), 2)


def prepared(epochs=240, **options):
    method = build_method("wkd_l", options)
    labels = torch.arange(21) % 7
    logits = torch.randn(21, 7, generator=torch.manual_seed(0))
    method.prepare(Context(None, None, (1, 8, 8), 7, labels, epochs, teacher_logits=lambda: logits))
    return method.double()


def test_as_published():
    method = prepared()
    weights = method.ce_weight, method.target_weight, method.wkd_weight
    assert weights == (1, 1, 600)
    assert (method.temperature, method.sharpness, method.regularisation, method.rounds) == (8, 1, 0.05, 10)
    assert method.describe() == "CE + 1·target + 600·Wasserstein (WKD-L), T=8"
    student, teacher, labels = torch.tensor(STUDENT), torch.tensor(TEACHER), torch.tensor(LABELS)
    plain = ours(STUDENT, 8.0, method.cost.numpy()).item()
    for epoch in (1, 150, 151, 200, 240):  # counted from 1, as in the authors' code
        terms = method.losses(batch_of(student, teacher, labels, epoch=epoch - 1))
        factor = 1 if epoch <= 150 else 0.5 * (1 + cos((epoch - 150) / (240 - 150) * pi))
        assert terms["wkd"].item() == pytest.approx(600 * factor * plain, rel=1e-5, abs=1e-6)
        assert terms["target"].item() == pytest.approx(target_loss(student, teacher, labels).item())
    assert factor == pytest.approx(0)


@pytest.mark.parametrize("change", ["order", "shift", "twice"])
def test_invariances(change):
    method, student, teacher = prepared(), torch.tensor(STUDENT), torch.tensor(TEACHER)
    labels = torch.tensor(LABELS)
    terms = method.losses(batch_of(student, teacher, labels, epoch=4))
    if change == "order":
        order = [4, 2, 0, 1, 3]
        student, teacher, labels = student[order], teacher[order], labels[order]
    elif change == "shift":
        shift = torch.tensor([[3.0], [-40.0], [0.0], [7.0], [1.0]]).double()
        student, teacher = student + shift, teacher - 2 * shift
    else:
        student, teacher, labels = student.repeat(2, 1), teacher.repeat(2, 1), labels.repeat(2)
    other = method.losses(batch_of(student, teacher, labels, epoch=4))
    for name, value in terms.items():
        assert other[name].item() == pytest.approx(value.item(), rel=1e-9), name


@pytest.mark.parametrize("classes", [2, 3, 100])
@pytest.mark.parametrize("scale", [1e4, 1.0, 0.0])
def test_extreme_logits_stay_finite(classes, scale):
    """Of two classes nothing is left but the labelled one, and what is moved is nothing."""
    labels = torch.tensor([0, 1, 0, 1])
    sure = torch.nn.functional.one_hot(labels, classes).float() * 2 - 1
    student = (scale * sure * torch.tensor([[1.0], [1], [-1], [-1]])).requires_grad_()
    teacher = scale * sure * torch.tensor([[1.0], [-1], [1], [-1]])
    cost = costs(1 - torch.eye(classes), 1.0)
    loss = wkd_loss(student, teacher, labels, cost, 8.0, 0.05, 10)
    loss.backward()
    assert loss.isfinite()
    assert student.grad.isfinite().all()
    if classes == 2:
        assert loss.item() == pytest.approx(0, abs=1e-6)


def test_rounding_the_teacher_to_float16_changes_little():
    exact, rounded = (
        ours(STUDENT, 8.0, teacher=t).item() for t in (TEACHER, TEACHER.astype(np.float16).astype(float))
    )
    assert rounded == pytest.approx(exact, rel=2e-3)
