"""Hinton's loss against values worked out in float64 NumPy from the paper's formula."""

import numpy as np
import pytest
import torch
from batches import batch_of

from kd.distillation.combined import build_method
from kd.methods.kd import Method, kd_loss

RANDOM = np.random.default_rng(0)
STUDENT, TEACHER = RANDOM.normal(size=(2, 5, 7)) * 3
LABELS = np.array([0, 6, 3, 3, 1])


def softened(logits, temperature):
    powers = np.exp(logits / temperature)
    return powers / powers.sum(axis=1, keepdims=True)


def by_hand(temperature):
    p, q = softened(TEACHER, temperature), softened(STUDENT, temperature)
    return temperature**2 * (p * np.log(p / q)).sum(axis=1).mean()


def tensors(dtype=torch.float64):
    return torch.tensor(STUDENT, dtype=dtype), torch.tensor(TEACHER, dtype=dtype)


@pytest.mark.parametrize("temperature", [1.0, 4.0, 20.0])
def test_loss_is_t_squared_times_kl_summed_over_classes_and_averaged_over_samples(temperature):
    assert kd_loss(*tensors(), temperature).item() == pytest.approx(by_hand(temperature), rel=1e-12)


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_known_mistakes_would_not_pass(temperature):
    """Averaged over classes; T² twice or not at all; T on the teacher only; the divergence turned round."""
    right = by_hand(temperature)
    p, q = softened(TEACHER, temperature), softened(STUDENT, temperature)
    mistakes = [
        right / 7,
        temperature**2 * (q * np.log(q / p)).sum(axis=1).mean(),
    ]
    if temperature != 1:
        mistakes += [right * temperature**2, right / temperature**2]
        mistakes.append(temperature**2 * (p * np.log(p / softened(STUDENT, 1))).sum(axis=1).mean())
    for wrong in mistakes:
        assert kd_loss(*tensors(), temperature).item() != pytest.approx(wrong, rel=1e-3)


def test_gradient_is_that_of_the_paper():
    """Equation 2: ∂C/∂z = (q − p)/T per sample; times T², and divided by the five samples of the mean."""
    student, teacher = tensors()
    student.requires_grad_()
    kd_loss(student, teacher, 4.0).backward()
    expected = 4.0 * (softened(STUDENT, 4.0) - softened(TEACHER, 4.0)) / 5
    assert student.grad.numpy() == pytest.approx(expected, rel=1e-9)


def test_t_squared_keeps_the_gradient_from_vanishing_at_high_temperature():
    """For T → ∞ the gradient tends to (z − v)/C of centred logits (equation 4), whatever T is."""
    student, teacher = tensors()
    student.requires_grad_()
    kd_loss(student, teacher, 1e4).backward()
    centred = (STUDENT - STUDENT.mean(1, keepdims=True)) - (TEACHER - TEACHER.mean(1, keepdims=True))
    assert student.grad.numpy() == pytest.approx(centred / 7 / 5, rel=1e-3, abs=1e-4)


def test_equal_logits_cost_nothing_and_a_shift_does_not_matter():
    student, _ = tensors()
    assert kd_loss(student, student + 3, 4.0).item() == pytest.approx(0, abs=1e-12)


def test_batch_order_does_not_matter():
    student, teacher = tensors()
    order = torch.tensor([4, 2, 0, 1, 3])
    assert kd_loss(student[order], teacher[order], 2.0).item() == pytest.approx(by_hand(2.0), rel=1e-12)
    assert kd_loss(student[order], teacher, 2.0).item() != pytest.approx(by_hand(2.0), rel=1e-3)


def test_extreme_logits_stay_finite():
    student = torch.tensor([[1e4, -1e4]], requires_grad=True)
    loss = kd_loss(student, torch.tensor([[-1e4, 1e4]]), 1.0)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(student.grad).all()


def test_weights_multiply_their_own_term_and_nothing_else():
    student, teacher = tensors()
    terms = Method(temperature=4.0, ce_weight=0.3, kd_weight=0.6).losses(batch_of(student, teacher, LABELS))
    cross_entropy = -np.log(softened(STUDENT, 1)[range(5), LABELS]).mean()
    assert terms["ce"].item() == pytest.approx(0.3 * cross_entropy, rel=1e-12)
    assert terms["kd"].item() == pytest.approx(0.6 * by_hand(4.0), rel=1e-12)
    assert set(terms) == {"ce", "kd"}


def test_defaults_and_description():
    method = build_method("kd", {})
    assert (method.temperature, method.ce_weight, method.kd_weight) == (4.0, 0.1, 0.9)
    assert method.describe() == "0.1·CE + 0.9·T²·KL, T=4"


def test_cross_entropy_is_the_mean_negative_log_probability():
    student, _ = tensors()
    terms = build_method("cross_entropy", {}).losses(batch_of(student, None, LABELS))
    assert terms["ce"].item() == pytest.approx(
        -np.log(softened(STUDENT, 1)[range(5), LABELS]).mean(), rel=1e-12
    )
