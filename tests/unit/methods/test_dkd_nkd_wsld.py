"""Losses that look at the labelled class apart, against plain numbers from the papers' formulas."""

from math import exp, log

import pytest
import torch
from batches import batch_of
from by_hand import (
    LABELS,
    SMALL_STUDENT,
    SMALL_TEACHER,
    STUDENT,
    TEACHER,
    cross,
    kl,
    mean,
    renormalised,
    softened,
    without,
)

from kd.distillation.combined import build_method
from kd.methods.dkd import nckd_loss, tckd_loss
from kd.methods.kd import kd_loss
from kd.methods.nkd import nontarget_loss, target_loss
from kd.methods.wsld import sample_weights, wsl_loss

ROWS = list(zip(STUDENT, TEACHER, LABELS, strict=True))
temperatures = pytest.mark.parametrize("temperature", [1.0, 4.0])


def tensors():
    return torch.tensor(STUDENT), torch.tensor(TEACHER), torch.tensor(LABELS)


def small():
    return torch.tensor(SMALL_STUDENT), torch.tensor(SMALL_TEACHER), torch.tensor([0])


def differs(value, mistakes):
    for name, wrong in mistakes.items():
        assert value.item() != pytest.approx(wrong, rel=1e-4), name


def terms_of(name, epoch=0, **options):
    terms = build_method(name, options).losses(batch_of(*tensors(), epoch=epoch))
    return {term: value.item() for term, value in terms.items()}


def binary(row, label, temperature):
    p = softened(row, temperature)
    return [p[label], sum(without(p, label))]


def others(row, label, temperature):
    return renormalised(without(softened(row, temperature), label))


@temperatures
def test_tckd(temperature):
    pairs = [(binary(t, y, temperature), binary(s, y, temperature)) for s, t, y in ROWS]
    right = temperature**2 * mean(kl(t, s) for t, s in pairs)
    loss = tckd_loss(*tensors(), temperature)
    assert loss.item() == pytest.approx(right, rel=1e-9)
    mistakes = {
        "over the two entries too": right / 2,
        "turned round": temperature**2 * mean(kl(s, t) for t, s in pairs),
        "the labelled class alone": temperature**2 * mean(t[0] * log(t[0] / s[0]) for t, s in pairs),
    }
    if temperature != 1:
        mistakes |= {"no T²": right / temperature**2, "T² twice": right * temperature**2}
    differs(loss, mistakes)


@temperatures
def test_nckd(temperature):
    pairs = [(others(t, y, temperature), others(s, y, temperature)) for s, t, y in ROWS]
    right = temperature**2 * mean(kl(t, s) for t, s in pairs)
    loss = nckd_loss(*tensors(), temperature)
    assert loss.item() == pytest.approx(right, rel=1e-9)
    rest = [binary(t, y, temperature)[1] for _, t, y in ROWS]
    mistakes = {
        "over classes too": right / 6,
        "turned round": temperature**2 * mean(kl(s, t) for t, s in pairs),
        "still coupled": temperature**2 * mean(r * kl(t, s) for r, (t, s) in zip(rest, pairs, strict=True)),
        "all classes": kd_loss(*tensors()[:2], temperature).item(),
    }
    if temperature != 1:
        mistakes |= {"no T²": right / temperature**2, "T² twice": right * temperature**2}
    differs(loss, mistakes)


def test_dkd_with_a_pencil():
    """b = (1/2, 1/2) and (1/4, 3/4); the others are (1/2, 1/2) and (2/3, 1/3)."""
    assert tckd_loss(*small(), 1.0).item() == pytest.approx(log(4 / 3) / 2)
    assert nckd_loss(*small(), 1.0).item() == pytest.approx(log(9 / 8) / 2)


@temperatures
def test_coupled_again_they_are_hintons_loss(temperature):
    """Equation 6: KD = TCKD + (1 − p_t of the teacher) · NCKD, for each sample."""
    for student, teacher, label in zip(*tensors(), strict=True):
        one = student[None], teacher[None], label[None]
        rest = binary(teacher.tolist(), label, temperature)[1]
        parts = tckd_loss(*one, temperature) + rest * nckd_loss(*one, temperature)
        assert kd_loss(*one[:2], temperature).item() == pytest.approx(parts.item(), rel=1e-9)


def test_what_rounds_to_one_still_has_its_distance():
    """In float32 1 − p_t is 0 for both; the divergence, p_t ≈ 1 in both and b = e⁻⁵⁰ and e⁻⁴⁰, is e⁻⁴⁰."""
    student, teacher = torch.tensor([[40.0, 0.0]]), torch.tensor([[50.0, 0.0]])
    assert tckd_loss(student, teacher, torch.tensor([0]), 1.0).item() == pytest.approx(exp(-40), rel=1e-3)


@pytest.mark.parametrize(("epoch", "share"), [(0, 0.05), (9, 0.5), (19, 1.0), (20, 1.0), (239, 1.0)])
def test_dkd_warms_up_over_20_epochs_the_first_of_which_has_one_twentieth(epoch, share):
    terms, warm = terms_of("dkd", epoch=epoch), terms_of("dkd", epoch=19)
    assert terms["ce"] == warm["ce"]
    assert terms["tckd"] == pytest.approx(share * tckd_loss(*tensors(), 4.0).item(), rel=1e-6)
    assert terms["nckd"] == pytest.approx(share * 8 * nckd_loss(*tensors(), 4.0).item(), rel=1e-6)


def test_dkd_as_published():
    method = build_method("dkd", {})
    assert (method.ce_weight, method.tckd_weight, method.nckd_weight) == (1, 1, 8)
    assert (method.temperature, method.warmup) == (4, 20)
    assert method.describe() == "CE + 1·TCKD + 8·NCKD, T=4"


def test_nkd_of_the_labelled_class():
    right = mean(-softened(t)[y] * log(softened(s)[y]) for s, t, y in ROWS)
    loss = target_loss(*tensors())
    assert loss.item() == pytest.approx(right, rel=1e-9)
    mistakes = {
        "over classes too": right / 7,
        "unweighted": mean(-log(softened(s)[y]) for s, t, y in ROWS),
        "weighted by the student": mean(-softened(s)[y] * log(softened(s)[y]) for s, t, y in ROWS),
    }
    differs(loss, mistakes)


@temperatures
def test_nkd_of_the_others(temperature):
    pairs = [(others(t, y, temperature), others(s, y, temperature)) for s, t, y in ROWS]
    right = temperature**2 * mean(cross(t, s) for t, s in pairs)
    loss = nontarget_loss(*tensors(), temperature)
    assert loss.item() == pytest.approx(right, rel=1e-9)
    unnormalised = [
        (without(softened(t, temperature), y), without(softened(s, temperature), y)) for s, t, y in ROWS
    ]
    mistakes = {
        "over classes too": right / 6,
        "turned round": temperature**2 * mean(cross(s, t) for t, s in pairs),
        "not normalised": temperature**2 * mean(cross(t, s) for t, s in unnormalised),
    }
    if temperature != 1:
        mistakes |= {"no T²": right / temperature**2, "T² twice": right * temperature**2}
    differs(loss, mistakes)


def test_nkd_with_a_pencil():
    """−1/2 · log 1/4; and of (1/2, 1/2) with (2/3, 1/3): −1/2 · log 2/9."""
    assert target_loss(*small()).item() == pytest.approx(log(2))
    assert nontarget_loss(*small(), 1.0).item() == pytest.approx(log(4.5) / 2)


def test_nkd_as_published():
    method = build_method("nkd", {})
    assert (method.ce_weight, method.target_weight, method.nontarget_weight) == (1, 1, 1.5)
    assert method.temperature == 1
    assert method.describe() == "CE + 1·target + 1.5·non-target (NKD), T=1"
    terms = terms_of("nkd", temperature=3, target_weight=0.5, nontarget_weight=2)
    assert terms["target"] == pytest.approx(0.5 * target_loss(*tensors()).item())
    assert terms["nontarget"] == pytest.approx(2 * nontarget_loss(*tensors(), 3.0).item())


def weight(student, teacher, label):
    return 1 - exp(-log(softened(student)[label]) / log(softened(teacher)[label]))


@temperatures
def test_wsld(temperature):
    """The weights are those at temperature 1, whatever the temperature of the soft labels is."""
    soft = [cross(softened(t, temperature), softened(s, temperature)) for s, t, _ in ROWS]
    weights = [weight(*row) for row in ROWS]
    right = temperature**2 * mean(w * one for w, one in zip(weights, soft, strict=True))
    ours = sample_weights(*tensors())
    loss = wsl_loss(*tensors()[:2], ours, temperature)
    assert ours.tolist() == pytest.approx(weights, rel=1e-5)  # 1e-7 beside a teacher's small cross-entropy
    assert loss.item() == pytest.approx(right, rel=1e-6)
    turned = [weight(t, s, y) for s, t, y in ROWS]
    mistakes = {
        "over classes too": right / 7,
        "unweighted": temperature**2 * mean(soft),
        "1 - w": temperature**2 * mean((1 - w) * one for w, one in zip(weights, soft, strict=True)),
        "turned round": temperature**2 * mean(w * one for w, one in zip(turned, soft, strict=True)),
    }
    if temperature != 1:
        mistakes |= {"no T²": right / temperature**2, "T² twice": right * temperature**2}
    differs(loss, mistakes)


def test_wsld_with_a_pencil():
    """CE is log 4 for the student and log 2 for the teacher: w = 1 − e⁻²; soft CE is 7/4 · log 2."""
    weights = sample_weights(*small())
    assert weights.tolist() == pytest.approx([1 - exp(-2)])
    assert wsl_loss(*small()[:2], weights, 1.0).item() == pytest.approx((1 - exp(-2)) * 1.75 * log(2))


def test_wsld_has_no_gradient_through_its_weights():
    """∂/∂z = T · w · (q − p) / B per sample: as of Hinton's loss, each times its weight."""
    student, teacher, labels = tensors()
    student.requires_grad_()
    build_method("wsld", {"kd_weight": 1}).losses(batch_of(student, teacher, labels))["wsl"].backward()
    expected = [
        [2 * weight(s, t, y) * (q - p) / 5 for q, p in zip(softened(s, 2), softened(t, 2), strict=True)]
        for s, t, y in ROWS
    ]
    for row, gradient in zip(student.grad.tolist(), expected, strict=True):
        assert row == pytest.approx(gradient, rel=1e-5)


def test_wsld_as_published():
    method = build_method("wsld", {})
    assert (method.ce_weight, method.kd_weight, method.temperature) == (1, 2.5, 2)
    assert method.describe() == "CE + 2.5·T²·weighted soft CE (WSLD), T=2"
    student, teacher, labels = tensors()
    expected = 2.5 * wsl_loss(student, teacher, sample_weights(student, teacher, labels), 2.0).item()
    assert terms_of("wsld")["wsl"] == pytest.approx(expected)
