"""A temperature that learns against the student."""

from math import cos, exp, pi

import pytest
import torch
from batches import batch_of
from by_hand import LABELS, STUDENT, TEACHER, kl, mean, softened

from kd.data.augmentation import Augmentation
from kd.data.views import Split, ViewedImages
from kd.distillation.combined import build_method
from kd.methods.ctkd import reversed_gradient, strength_at
from kd.networks.factory import build_network
from kd.runtime.signals import StopSignal
from kd.settings.recipe import Recipe
from kd.teachers.teacher import LiveTeacher
from kd.training.checkpoints import Checkpoints
from kd.training.engine import fit


def temperature_of(theta, start=1, span=20):
    return start + span / (1 + exp(-theta))


def right(theta, start=1, span=20):
    """Hinton's loss at the temperature of this θ."""
    T = temperature_of(theta, start, span)
    pairs = zip(STUDENT, TEACHER, strict=True)
    return T**2 * mean(kl(softened(t, T), softened(s, T)) for s, t in pairs)


def slope(theta):
    return (right(theta + 1e-5) - right(theta - 1e-5)) / 2e-5


def run(epoch=0, **options):
    """The method, the student's logits, and the terms."""
    method = build_method("ctkd", options).double()
    student = torch.tensor(STUDENT, requires_grad=True)
    return method, student, method.losses(batch_of(student, torch.tensor(TEACHER), LABELS, epoch=epoch))


@pytest.mark.parametrize(("start", "span"), [(1, 20), (2, 3)])
def test_loss_at_the_first_temperature(start, span):
    """1 + 20 · sigmoid(1) = 15.62."""
    terms = run(start=start, span=span)[2]
    assert terms["kd"].item() == pytest.approx(0.9 * right(1.0, start, span), rel=1e-9)
    assert temperature_of(1.0) == pytest.approx(15.6212, rel=1e-5)
    for wrong in (
        right(1.0, start, span) * 0.9 / 7,
        0.9 * right(-1.0, start, span),
        0.9 * right(0.0, start, span),
    ):
        assert terms["kd"].item() != pytest.approx(wrong, rel=1e-4)


def test_a_student_and_a_teacher_with_a_pencil():
    """sigmoid(0) = 1/2, so T = 2: of logits 2·log 2 and 0 it makes 2/3 and 1/3, of zeros 1/2 and 1/2."""
    method = build_method("ctkd", {"span": 2, "kd_weight": 1}).double()
    method.theta.data.fill_(0)
    teacher, student = (
        torch.tensor([[2 * torch.log(torch.tensor(2.0)), 0]]).double(),
        torch.zeros(1, 2).double(),
    )
    loss = method.losses(batch_of(student, teacher))["kd"].item()
    assert loss == pytest.approx(4 * kl([2 / 3, 1 / 3], [1 / 2, 1 / 2]), rel=1e-6)


@pytest.mark.parametrize(("epoch", "strength"), [(0, 0.02447174), (4, 0.5), (9, 1.0), (10, 1.0), (239, 1.0)])
def test_the_strength_grows_by_half_a_cosine_over_ten_epochs(epoch, strength):
    assert strength_at(torch.tensor(float(epoch)), 0, 1, 10).item() == pytest.approx(strength, rel=1e-5)
    expected = 0.2 + 0.3 * (1 - cos(pi * min(epoch + 1, 10) / 10)) / 2
    assert strength_at(torch.tensor(float(epoch)), 0.2, 0.5, 10).item() == pytest.approx(expected, rel=1e-6)


def test_a_reversed_gradient():
    value = torch.tensor(0.7, requires_grad=True)
    ours = reversed_gradient(value, torch.tensor(0.3))
    (2 * ours).backward()
    assert ours.item() == value.item()
    assert value.grad.item() == pytest.approx(-0.6)


@pytest.mark.parametrize(("epoch", "strength"), [(0, 0.02447174), (4, 0.5), (30, 1.0)])
def test_the_temperature_gets_the_gradient_turned_round_and_scaled(epoch, strength):
    """By the slope of the loss itself, measured; T² has its part in it."""
    method, _, terms = run(epoch=epoch)
    terms["kd"].backward()
    assert method.theta.grad.item() == pytest.approx(-strength * 0.9 * slope(1.0), rel=1e-4)


def test_the_student_gets_its_gradient_as_it_is():
    """0.9 · T · (q − p) / B, in whatever epoch."""
    T = temperature_of(1.0)
    expected = [
        [0.9 * T * (q - p) / 5 for q, p in zip(softened(s, T), softened(t, T), strict=True)]
        for s, t in zip(STUDENT, TEACHER, strict=True)
    ]
    for epoch in (0, 30):
        _, student, terms = run(epoch=epoch)
        terms["kd"].backward()
        for row, gradient in zip(student.grad.tolist(), expected, strict=True):
            assert row == pytest.approx(gradient, rel=1e-9)


def test_one_climbs_where_the_other_descends():
    """One step of the run's optimizer over both: at the new temperature alone the loss is higher."""
    method, student, terms = run(epoch=30)
    optimizer = torch.optim.SGD([student, *method.parameters()], lr=0.01)
    terms["kd"].backward()
    optimizer.step()
    climbed, theta = 0.9 * right(method.theta.item()), method.theta.item()
    assert (theta - 1) * slope(1.0) > 0
    assert climbed > terms["kd"].item()
    both = method.losses(batch_of(student, torch.tensor(TEACHER), LABELS, epoch=30))
    assert both["kd"].item() < climbed


def test_without_strength_it_stays_where_it_is():
    method, _, terms = run(epoch=30, reversal_max=0)
    terms["kd"].backward()
    assert method.theta.grad.item() == 0


def test_its_state_is_one_number():
    method = build_method("ctkd", {})
    method.theta.data.fill_(0.25)
    other = build_method("ctkd", {})
    other.load_state_dict(method.state_dict())
    assert list(other.state_dict()) == ["theta"]
    assert other.theta.item() == 0.25


def test_the_run_trains_it_with_the_student_and_resumes_it(tmp_path):
    """Stopped after the first of two epochs: the same temperature to the bit as without a stop."""
    pixels = torch.randint(0, 256, (16, 8, 8, 1), dtype=torch.uint8, generator=torch.manual_seed(0))
    data = Split(ViewedImages(pixels, Augmentation(1, True), (0.5,), (0.3,)), torch.arange(16) % 3)
    teacher = build_network("cnn", {"width": 0.125}, 1, 3)

    def trained(epochs, folder):
        torch.manual_seed(1)
        method, student = build_method("ctkd", {}), build_network("cnn", {"width": 0.125}, 1, 3)
        recipe = Recipe(epochs=epochs, batch_size=8, lr=0.05, schedule="constant")
        kept = Checkpoints(tmp_path / folder, 1000, StopSignal())
        fit(student, method, data, data, recipe, seed=5, teacher=LiveTeacher(teacher), checkpoints=kept)
        return method.theta.item()

    trained(1, "stopped")
    whole = trained(2, "whole")
    assert trained(2, "stopped") == whole
    assert whole not in (1.0, trained(1, "once"))


def test_as_published():
    method = build_method("ctkd", {})
    assert (method.start, method.span, method.reversal, method.theta.item()) == (1, 20, (0, 1, 10), 1)
    assert (method.ce_weight, method.kd_weight) == (0.1, 0.9)
    assert method.describe() == "0.1·CE + 0.9·T²·KL, T learnt in 1–21 (CTKD)"
