"""Divergences with a transformed or a refined teacher, and AB-divergences, against the papers' formulas."""

from math import log

import numpy as np
import pytest
import torch
from batches import batch_of
from by_hand import (
    LABELS,
    SMALL_STUDENT,
    SMALL_TEACHER,
    STUDENT,
    TEACHER,
    differs,
    kl,
    mean,
    renormalised,
    slopes,
    softened,
)

from kd.distillation.combined import build_method
from kd.methods.abkd import ab_divergence
from kd.methods.kd import kd_loss
from kd.methods.rld import mcd_loss, scd_loss
from kd.methods.ttm import ttm_loss
from kd.methods.wttm import smoothness, wttm_loss

temperatures = pytest.mark.parametrize("temperature", [1.0, 4.0])


def tensors():
    return torch.tensor(STUDENT), torch.tensor(TEACHER), torch.tensor(LABELS)


def small():
    return torch.tensor(SMALL_STUDENT), torch.tensor(SMALL_TEACHER)


def terms_of(name, epoch=0, **options):
    terms = build_method(name, options).losses(batch_of(*tensors(), epoch=epoch))
    return {term: value.item() for term, value in terms.items()}


def gradient_of(loss):
    student = torch.tensor(STUDENT, requires_grad=True)
    loss(student).backward()
    return student.grad.numpy()


def powers(row, exponent):
    return renormalised([p**exponent for p in softened(row)])


def ttm_by_hand(student, exponent):
    return mean(kl(powers(t, exponent), softened(s)) for s, t in zip(student, TEACHER, strict=True))


def wttm_by_hand(student, exponent):
    rows = zip(student, TEACHER, strict=True)
    weights = [sum(p**exponent for p in softened(t)) for t in TEACHER]
    soft = [kl(powers(t, exponent), softened(s)) for s, t in rows]
    return mean(weight * one for weight, one in zip(weights, soft, strict=True))


@temperatures
def test_a_transformed_teacher(temperature):
    """A power of the teacher's probabilities, normalised; the student as it is; no T²."""
    right = ttm_by_hand(STUDENT, 1 / temperature)
    loss = ttm_loss(*tensors()[:2], temperature)
    assert loss.item() == pytest.approx(right, rel=1e-9)
    mistakes = {"over classes too": right / 7, "turned round": kd_loss(*reversed(tensors()[:2]), 1.0).item()}
    if temperature != 1:
        hinton = kd_loss(*tensors()[:2], temperature).item()
        mistakes |= {"T²": right * temperature**2, "both softened": hinton}
        mistakes |= {"both, no T²": hinton / temperature**2}
    differs(loss, mistakes)
    ours = gradient_of(lambda student: ttm_loss(student, torch.tensor(TEACHER), temperature))
    assert ours == pytest.approx(slopes(lambda z: ttm_by_hand(z, 1 / temperature), STUDENT), abs=1e-8)


@temperatures
def test_samples_weighted_by_how_smooth_the_teacher_is(temperature):
    right = wttm_by_hand(STUDENT, 1 / temperature)
    student, teacher, _ = tensors()
    loss = wttm_loss(student, teacher, temperature)
    assert loss.item() == pytest.approx(right, rel=1e-9)
    weights = [sum(p ** (1 / temperature) for p in softened(t)) for t in TEACHER]
    assert smoothness(teacher, temperature).tolist() == pytest.approx(weights, rel=1e-12)
    if temperature == 1:
        assert loss.item() == pytest.approx(ttm_loss(student, teacher, 1.0).item(), rel=1e-9)
        return
    entropies = [log(weight) / (1 - 1 / temperature) for weight in weights]  # Rényi's, of order 1/T
    assert all(0 <= entropy <= log(7) for entropy in entropies)
    unweighted = ttm_loss(student, teacher, temperature).item()
    differs(loss, {"unweighted": unweighted, "weights of mean 1": right / mean(weights), "sum": right * 5})
    ours = gradient_of(lambda student: wttm_loss(student, teacher, temperature))
    assert ours == pytest.approx(slopes(lambda z: wttm_by_hand(z, 1 / temperature), STUDENT), abs=1e-8)


def test_transformed_with_a_pencil():
    """p = (1/2, 1/4, 1/4) by 1/2: the sum of powers is √2/2 + 1, and q = (1/4, 1/2, 1/4)."""
    total = 2**-0.5 + 1
    p = [2**-0.5 / total, 0.5 / total, 0.5 / total]
    divergence = p[0] * log(4 * p[0]) + p[1] * log(2 * p[1]) + p[2] * log(4 * p[2])
    assert ttm_loss(*small(), 2.0).item() == pytest.approx(divergence)
    assert wttm_loss(*small(), 2.0).item() == pytest.approx(total * divergence)
    certain = torch.tensor([[1000.0, 0.0, 0.0]])
    assert smoothness(certain, 10.0).item() == 1


def test_ttm_and_wttm_as_published():
    ttm, wttm = build_method("ttm", {}), build_method("wttm", {})
    assert (ttm.temperature, ttm.ce_weight, ttm.kd_weight) == (10, 1, 45)
    assert (wttm.temperature, wttm.ce_weight, wttm.kd_weight) == (5, 1, 4)
    assert ttm.describe() == "CE + 45·KL (TTM), teacher's T=10"
    assert wttm.describe() == "CE + 4·weighted KL (WTTM), teacher's T=5"
    assert ttm.softened_at == 10
    student, teacher, _ = tensors()
    assert terms_of("ttm")["kd"] == pytest.approx(45 * ttm_loss(student, teacher, 10.0).item())
    assert terms_of("wttm")["kd"] == pytest.approx(4 * wttm_loss(student, teacher, 5.0).item())


def scd_by_hand(student, temperature):
    terms = []
    for s, t, y in zip(student, TEACHER, LABELS, strict=True):
        p, q = softened(t, temperature), softened(s, temperature)
        terms.append(kl([max(p), 1 - max(p)], [q[y], 1 - q[y]]))
    return temperature**2 * mean(terms)


def mcd_by_hand(student, temperature):
    terms = []
    for s, t, y in zip(student, TEACHER, LABELS, strict=True):
        below = [i for i in range(7) if t[i] < t[y]]
        p, q = ([softened(row, temperature)[i] for i in below] for row in (t, s))
        terms.append(kl(renormalised(p), renormalised(q)) if below else 0.0)
    return temperature**2 * mean(terms)


def ranked_below():
    return [sum(t < row[y] for t in row) for row, y in zip(TEACHER, LABELS, strict=True)]


@temperatures
def test_refined_logits(temperature):
    student, teacher, labels = tensors()
    assert len(set(ranked_below())) > 2, "labels that the teacher ranks differently"
    right = scd_by_hand(STUDENT, temperature), mcd_by_hand(STUDENT, temperature)
    losses = scd_loss, mcd_loss
    for loss, expected, by_hand in zip(losses, right, (scd_by_hand, mcd_by_hand), strict=True):
        ours = loss(student, teacher, labels, temperature)
        assert ours.item() == pytest.approx(expected, rel=1e-9)
        wrong = {"over the other dimension too": expected / 2, "a sum": expected * 5}
        if temperature != 1:
            wrong |= {"no T²": expected / temperature**2}
        differs(ours, wrong)
        gradient = gradient_of(lambda z, loss=loss: loss(z, teacher, labels, temperature))
        slope = slopes(lambda z, by_hand=by_hand: by_hand(z, temperature), STUDENT)
        assert gradient == pytest.approx(slope, abs=1e-7)
    tops = torch.tensor(TEACHER).argmax(dim=1)
    differs(scd_loss(student, teacher, labels, temperature), {
        "the teacher's own label": scd_loss(student, teacher, tops, temperature).item(),
    })  # fmt: skip


def test_refined_with_a_pencil():
    """The teacher prefers class 0, the label is 1; below it are the two classes of 1/8 and 1/8."""
    teacher = torch.tensor([[1 / 2, 1 / 4, 1 / 8, 1 / 8]]).double().log()
    student = torch.tensor([[1 / 8, 1 / 2, 1 / 8, 1 / 4]]).double().log()
    label = torch.tensor([1])
    assert scd_loss(student, teacher, label, 1.0).item() == pytest.approx(0, abs=1e-12)  # 1/2 and 1/2
    right = (log((1 / 2) / (1 / 3)) + log((1 / 2) / (2 / 3))) / 2
    assert mcd_loss(student, teacher, label, 1.0).item() == pytest.approx(right)


@pytest.mark.parametrize("teacher", [[0.0, 1.0, 2.0], [1.0, 1.0, 1.0], [1.0, 0.5, 2.0]])
def test_fewer_than_two_classes_below_the_label_leave_nothing_to_match(teacher):
    """The label is the last, equal to all, or above one class alone; nothing is NaN."""
    student = torch.tensor([[3.0, -1.0, 0.5]], requires_grad=True)
    loss = mcd_loss(student, torch.tensor([teacher]), torch.tensor([0]), 4.0)
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-6)
    assert student.grad.abs().max().item() == pytest.approx(0, abs=1e-6)


def test_a_teacher_rounded_to_float16_masks_what_it_cannot_tell_apart():
    """2.0001 and 2 are one number in float16: the label is then masked with the class beside it."""
    exact = torch.tensor([[2.0001, 2.0, 1.0, 0.0]])
    label, student = torch.tensor([0]), torch.tensor([[1.0, 0.0, 2.0, 1.0]])
    rounded = exact.half().float()
    whole, left = mcd_loss(student, exact, label, 1.0), mcd_loss(student, rounded, label, 1.0)
    two = kl(softened([1.0, 0.0]), softened([2.0, 1.0]))
    three = kl(softened([2.0, 1.0, 0.0]), softened([0.0, 2.0, 1.0]))
    assert left.item() == pytest.approx(two, abs=1e-6)
    assert whole.item() == pytest.approx(three, rel=1e-6)


def test_rld_as_published():
    method = build_method("rld", {})
    assert (method.ce_weight, method.scd_weight, method.mcd_weight) == (1, 1, 8)
    assert (method.temperature, method.warmup) == (4, 20)
    assert method.describe() == "CE + 1·SCD + 8·MCD (RLD), T=4"
    for epoch, share in ((0, 0.05), (9, 0.5), (19, 1), (200, 1)):
        terms = terms_of("rld", epoch=epoch)
        assert terms["scd"] == pytest.approx(share * scd_loss(*tensors(), 4.0).item(), rel=1e-6)
        assert terms["mcd"] == pytest.approx(share * 8 * mcd_loss(*tensors(), 4.0).item(), rel=1e-6)


def divergence(p, q, a, b):
    """Cichocki's D^(a,b)(p ‖ q) of one sample, where neither exponent nor their sum is 0."""
    terms = (
        x**a * y**b - a / (a + b) * x ** (a + b) - b / (a + b) * y ** (a + b)
        for x, y in zip(p, q, strict=True)
    )
    return -sum(terms) / (a * b)


def ab_by_hand(student, a, b, temperature=1.0):
    rows = zip(student, TEACHER, strict=True)
    return mean(divergence(softened(t, temperature), softened(s, temperature), a, b) for s, t in rows)


def ab_of(student, teacher, a, b, temperature=1.0):
    logs = ((logits / temperature).log_softmax(dim=1) for logits in (student, teacher))
    return ab_divergence(*logs, a, b)


@pytest.mark.parametrize(("a", "b"), [(0.8, 0.3), (0.5, 0.5), (1.0, 1.0), (1.6, -0.5)])
def test_alpha_beta_divergences(a, b):
    student, teacher, _ = tensors()
    right, loss = ab_by_hand(STUDENT, a, b), ab_of(student, teacher, a, b)
    assert loss.item() == pytest.approx(right, rel=1e-9)
    wrong = {"over classes too": right / 7, "turned round": ab_by_hand(TEACHER, a, b)}
    if a != b:
        wrong = {**wrong, "exponents changed": ab_by_hand(STUDENT, b, a)}
    differs(loss, {**wrong, "a sum": right * 5})
    gradient = gradient_of(lambda z: ab_of(z, teacher, a, b))
    assert gradient == pytest.approx(slopes(lambda z: ab_by_hand(z, a, b), STUDENT), abs=1e-6, rel=1e-6)


@pytest.mark.parametrize(("a", "b"), [(1, 0), (0, 1), (0.7, 0), (0, 0.7), (0.6, -0.6), (0, 0)])
def test_limits_of_the_family(a, b):
    """Near them the formula that has no limit to take, in numpy, is the same to its rounding."""
    near, teacher = 1e-4, torch.tensor(TEACHER)
    beside = [ab_by_hand(STUDENT, a + sign * near, b + 1.7 * sign * near) for sign in (1, -1)]
    assert ab_of(torch.tensor(STUDENT), teacher, a, b).item() == pytest.approx(mean(beside), rel=1e-3)


def test_both_directions_of_kl_are_in_the_family():
    rows = [(softened(s), softened(t)) for s, t in zip(STUDENT, TEACHER, strict=True)]
    student, teacher, _ = tensors()
    assert ab_of(student, teacher, 1, 0).item() == pytest.approx(mean(kl(t, s) for s, t in rows), rel=1e-9)
    assert ab_of(student, teacher, 0, 1).item() == pytest.approx(mean(kl(s, t) for s, t in rows), rel=1e-9)
    squares = mean(sum((x - y) ** 2 for x, y in zip(s, t, strict=True)) for s, t in rows) / 2
    assert ab_of(student, teacher, 1, 1).item() == pytest.approx(squares, rel=1e-9)


def test_alpha_beta_with_a_pencil():
    """(1/2, 1/4, 1/4) and (1/4, 1/2, 1/4) at 1 and 1: half of 1/16 + 1/16."""
    assert ab_of(*small(), 1, 1).item() == pytest.approx(1 / 16)


@pytest.mark.parametrize("size", [1, 5])
def test_one_class_that_has_all_the_mass(size):
    """A teacher that is certain and a student that is certain of another: finite, and a gradient for forward KL."""
    teacher = torch.zeros(size, 7)
    student = torch.zeros(size, 7)
    teacher[:, 0], student[:, 1] = 1e4, 1e4
    student.requires_grad_()
    for a, b in ((0.8, 0.3), (1, 0), (0, 1), (0.5, 0.5)):
        student.grad = None
        loss = ab_of(student, teacher, a, b, 4.0)
        loss.backward()
        assert loss.isfinite()
        assert student.grad.isfinite().all()


def test_abkd_as_published():
    method = build_method("abkd", {})
    assert (method.alpha, method.beta, method.temperature) == (0.8, 0.3, 4)
    assert (method.ce_weight, method.kd_weight) == (1, 32)
    assert method.describe() == "CE + 32·AB-divergence, alpha=0.8, beta=0.3, T=4"
    assert terms_of("abkd")["kd"] == pytest.approx(32 * ab_by_hand(STUDENT, 0.8, 0.3, 4.0), rel=1e-6)
    assert np.isfinite(terms_of("abkd", alpha=0, beta=0)["kd"])
