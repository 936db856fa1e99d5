"""The losses of feature methods since 2020 against NumPy written from the papers, their gradients, and edges."""

import math

import numpy as np
import pytest
import torch
from by_hand import differs
from features_by_hand import ORDER, as_tensors, near
from newer_features_by_hand import LOSSES
from newer_features_mistaken import MISTAKES

from kd.methods.catkd import cat_loss, class_maps
from kd.methods.itrd import correlation_loss, mutual_loss
from kd.methods.pad import pad_loss
from kd.methods.semckd import semckd_loss, similarities
from kd.methods.srd import srd_loss
from kd.methods.wkd_f import moments, strength_at, wasserstein_losses

pytestmark = pytest.mark.usefixtures("one_thread")
EVERY = pytest.mark.parametrize("name", LOSSES)
NOT_ZERO = {"srd", "vkd", "itrd_correlation", "itrd_mutual", "pad"}  # for features that are equal


@EVERY
def test_loss_is_the_papers(name):
    loss, by_hand, student, teacher = LOSSES[name]
    expected = by_hand(student, teacher)
    assert abs(expected) > 1e-6
    near(loss(as_tensors(student), as_tensors(teacher)), expected, rel=1e-9)
    near(loss(as_tensors(student, torch.float32), as_tensors(teacher, torch.float32)), expected, rel=1e-4)


@EVERY
def test_batch_order_does_not_matter_but_pairing_does(name):
    loss, by_hand, student, teacher = LOSSES[name]
    s, t = as_tensors(student), as_tensors(teacher)
    if name != "pad":  # whose variances here are those of a place
        near(loss(s[ORDER], t[ORDER]), by_hand(student, teacher))
    assert loss(s[ORDER], t).item() != pytest.approx(by_hand(student, teacher), rel=1e-4)


@pytest.mark.parametrize("name", [name for name in LOSSES if name not in NOT_ZERO])
def test_the_same_features_cost_nothing(name):
    loss, _, student, _ = LOSSES[name]
    assert loss(as_tensors(student), as_tensors(student)).item() == pytest.approx(0, abs=1e-12)


@EVERY
def test_gradient_is_that_of_finite_differences(name):
    loss, _, student, teacher = LOSSES[name]
    s, t = as_tensors(student, gradient=True), as_tensors(teacher)
    loss(s, t).backward()
    random = torch.Generator().manual_seed(0)
    way = torch.randn(s.shape, dtype=s.dtype, generator=random)
    way = way / way.norm() + s.grad / s.grad.norm()
    moved = [loss(s.detach() + step * way, t).item() for step in (1e-5, -1e-5)]
    assert (s.grad * way).sum().item() == pytest.approx((moved[0] - moved[1]) / 2e-5, rel=1e-4)


@EVERY
def test_known_mistakes(name):
    loss, _, student, teacher = LOSSES[name]
    wrong = {mistake: by_hand(student, teacher) for mistake, by_hand in MISTAKES[name].items()}
    differs(loss(as_tensors(student), as_tensors(teacher)), wrong, rel=1e-3)
    assert len({round(value, 9) for value in wrong.values()}) == len(wrong), "each is another number"


@EVERY
@pytest.mark.parametrize("batch", [2, 3])
@pytest.mark.parametrize("kind", ["zero", "constant", "one dead", "equal samples", "dead channel", "huge"])
def test_hard_features_give_finite_losses_and_gradients(name, batch, kind):
    loss, _, student, teacher = LOSSES[name]

    def change(rows):
        rows = torch.tensor(rows[:batch], dtype=torch.float32)
        if kind == "one dead":
            rows[0] = 0
        if kind == "dead channel":
            rows[:, 0] = 0
        return {
            "zero": rows * 0,
            "constant": rows * 0 + 0.5,
            "equal samples": rows[:1].expand_as(rows).clone(),
            "huge": rows * 1e4,
        }.get(kind, rows)

    for teacher_too in (False, True):
        s = change(student).requires_grad_()
        value = loss(s, change(teacher) if teacher_too else torch.tensor(teacher[:batch]).float())
        value.backward()
        assert torch.isfinite(value)
        assert torch.isfinite(s.grad).all()
        assert kind == "huge" or s.grad.abs().max() < 1e4


# Tiny cases, worked out on paper.


def test_srd_on_two_samples():
    """Standardised (1, −1) and (−1, 1): differences of 2, to the fourth power, twice."""
    student, teacher = torch.tensor([[2.0], [0.0]]).double(), torch.tensor([[0.0], [2.0]]).double()
    near(srd_loss(student, teacher, 4.0), math.log(2 * (2 / math.sqrt(1 + 1e-4)) ** 4 + 1e-5), rel=1e-9)


def test_itrd_on_two_samples():
    """Perfectly correlated: c is (2 − 1)/2, so |c − 1| is a half; perfectly opposite: 3/2."""
    rows = torch.tensor([[0.0], [1.0]])
    near(correlation_loss(rows, 5 * rows + 3, 1.0), math.log2(0.25))
    near(correlation_loss(rows, -rows, 1.0), math.log2(2.25))


def test_the_mutual_loss_of_orthogonal_samples_does_not_see_the_teacher():
    """G is the identity: nothing of the teacher's off the diagonal counts."""
    near(1 + mutual_loss(torch.eye(3), torch.ones(3, 2)), 1)
    near(mutual_loss(torch.ones(2, 1), torch.eye(2)), 4 / 4 - 2 / 4)


def test_a_variance_of_the_squares_is_the_best():
    student, teacher = torch.zeros(1, 1), torch.full((1, 1), 3.0)
    best = pad_loss(student, teacher, torch.tensor([[math.log(9.0)]]))
    near(best, 1 + math.log(9))
    for variance in (8.0, 10.0):
        assert pad_loss(student, teacher, torch.tensor([[math.log(variance)]])) > best
    near(pad_loss(student, teacher, torch.zeros(1, 1)), 9)  # a variance of 1: the plain difference


def test_class_maps_have_the_logits_for_their_means():
    maps, classifier = torch.randn(2, 5, 3, 3), torch.nn.Linear(5, 4)
    expected = classifier(maps.mean(dim=(2, 3))) - classifier.bias
    assert torch.allclose(class_maps(maps, classifier.weight).mean(dim=(2, 3)), expected, atol=1e-6)


def test_a_class_map_of_one_pixel_is_repeated():
    one, two = torch.full((1, 1, 1, 1), 2.0), torch.tensor([[[[1.0, 2.0], [2.0, 3.0]]]])
    near(cat_loss(one, two, 2, normalize=False), 0.5)


def test_moments_of_one_position_have_no_deviation():
    mean, deviation = moments(torch.tensor([[[[3.0]]]]))
    near(mean, 3)
    near(deviation, math.sqrt(1e-5))
    means, deviations = wasserstein_losses(torch.tensor([[[[3.0]]]]), torch.tensor([[[[1.0, 3.0]]]]))
    near(means, 1)
    near(deviations, (math.sqrt(2 + 1e-5) - math.sqrt(1e-5)) ** 2)


@pytest.mark.parametrize(("epoch", "strength"), [(0, 1), (149, 1), (194, 0.5), (239, 0), (300, 0)])
def test_the_weight_falls_along_half_a_cosine(epoch, strength):
    """Of 240 epochs from the 150th: the authors' schedule, which counts from 1."""
    near(1 + strength_at(torch.tensor(float(epoch)), 150, 240), 1 + strength)


def test_attention_weighs_the_distances_of_a_sample():
    distances = torch.tensor([[[1.0, 3.0]], [[2.0, 8.0]]])
    attention = torch.tensor([[[0.5, 0.5]], [[1.0, 0.0]]])
    near(semckd_loss(distances, attention), (2 + 2) / 2)


def test_similarities_are_those_with_the_first_samples():
    maps = torch.tensor([[1.0, 2.0], [3.0, 4.0]])[:, :, None, None]
    assert similarities(maps, 3).tolist() == [[5, 11, 0], [11, 25, 0]]
    assert similarities(maps, 1).tolist() == [[5], [11]]


def rotated(rows):
    return rows @ torch.tensor(np.linalg.qr(np.random.default_rng(3).normal(size=(rows.shape[1],) * 2))[0])


def per_sample(rows):
    return rows * torch.arange(1.0, 6).view(-1, *[1] * (rows.dim() - 1))


INVARIANCES = [
    ("srd", lambda rows: rows + torch.arange(4.0), True),  # of each dimension alone; the scale but for 1e-4
    ("srd", per_sample, False),
    ("pefd", per_sample, True),
    ("pefd", lambda rows: rows + 1, False),
    ("itrd_correlation", lambda rows: rows * torch.arange(1.0, 5) + 7, True),
    ("itrd_correlation", rotated, False),
    ("itrd_mutual", rotated, True),
    ("itrd_mutual", per_sample, True),
    ("itrd_mutual", lambda rows: rows + 1, False),
    ("catkd", lambda maps: maps.flip(2).flip(3), False),
    ("catkd", lambda maps: maps.unflatten(3, (2, 2)).flip(4).flatten(3), True),  # within what is pooled
    ("catkd_normalised", per_sample, True),
    ("ickd", per_sample, True),
    ("ickd", lambda maps: maps.flip(3), True),
    ("ickd", lambda maps: maps.repeat_interleave(2, dim=3), True),
    ("ickd", lambda maps: maps[:, [1, 2, 0]], False),
    ("wkd_f", lambda maps: maps.flip(3), True),
    ("wkd_f", lambda maps: -maps, False),
]


@pytest.mark.parametrize(("name", "change", "same"), INVARIANCES)
def test_what_a_loss_does_not_see(name, change, same):
    loss, by_hand, student, teacher = LOSSES[name]
    value = loss(change(as_tensors(student)), as_tensors(teacher)).item()
    assert (value == pytest.approx(by_hand(student, teacher), rel=1e-5)) == same


def same(features):
    return features


def swapped(features):
    return features.flip(1)  # dimensions, or channels


IN_BOTH = [  # name, change of the student, change of the teacher
    ("vkd", same, lambda rows: rows + torch.arange(5.0)[:, None], True),  # its mean and deviation are gone
    ("vkd", same, per_sample, True),  # but for the 1e-5 of a layer norm
    ("vkd", swapped, swapped, True),
    ("vkd", per_sample, same, False),
    ("vkd", lambda rows: rows + 1, same, False),
    ("vkd", rotated, rotated, False),
    ("mgd", lambda maps: maps + 3, lambda maps: maps + 3, True),
    ("mgd", swapped, swapped, True),
    ("mgd", lambda maps: -maps.flip(3), lambda maps: -maps.flip(3), True),
    ("mgd", lambda maps: maps * 2, lambda maps: maps * 2, False),
    ("mgd", lambda maps: maps.flip(3), same, False),
    ("pad", lambda rows: rows + 3, lambda rows: rows + 3, True),
    ("pad", lambda rows: -rows, lambda rows: -rows, True),
    ("pad", swapped, swapped, False),  # whose variances are those of a place
    ("pad", lambda rows: rows * 2, lambda rows: rows * 2, False),
    ("pad", lambda rows: rows + 1, same, False),
]


@pytest.mark.parametrize(("name", "of_student", "of_teacher", "unseen"), IN_BOTH)
def test_what_a_loss_does_not_see_of_both(name, of_student, of_teacher, unseen):
    loss, by_hand, student, teacher = LOSSES[name]
    value = loss(of_student(as_tensors(student)), of_teacher(as_tensors(teacher))).item()
    assert (value == pytest.approx(by_hand(student, teacher), rel=1e-4)) == unseen
