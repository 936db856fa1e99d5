"""The losses of methods that compare features, against NumPy written from the papers, element by element."""

import math

import numpy as np
import pytest
import torch
from features_by_hand import (
    CHAIN,
    LOSSES,
    ORDER,
    ROWS,
    SMALL,
    TARGET,
    VARIANCE,
    as_tensors,
    every,
    leaves,
    near,
    paper_cc,
    relu_maps,
    vid_by_hand,
    with_decay,
)

from kd.distillation.features import unit
from kd.methods.at import at_loss, attention
from kd.methods.cc import correlations
from kd.methods.fsp import fsp_loss, fsp_matrix
from kd.methods.kdsvd import aligned, kdsvd_loss, singular_vectors
from kd.methods.nst import nst_loss
from kd.methods.pkt import neighbours, pkt_loss
from kd.methods.rkd import angles, distances, rkd_angle_loss, rkd_distance_loss
from kd.methods.sp import sp_loss
from kd.methods.vid import vid_loss

pytestmark = pytest.mark.usefixtures("one_thread")
EVERY = pytest.mark.parametrize("name", LOSSES)


@EVERY
def test_loss_is_the_papers(name):
    loss, by_hand, student, teacher = LOSSES[name]
    expected = by_hand(student, teacher)
    assert expected > 1e-6
    near(loss(as_tensors(student), as_tensors(teacher)), expected, rel=1e-9 if name != "kdsvd" else 1e-6)
    near(loss(as_tensors(student, torch.float32), as_tensors(teacher, torch.float32)), expected, rel=1e-4)


@EVERY
def test_batch_order_does_not_matter_but_pairing_does(name):
    loss, by_hand, student, teacher = LOSSES[name]
    s, t = as_tensors(student), as_tensors(teacher)
    mixed = [every(stages, lambda stage: stage[ORDER]) for stages in (s, t)]
    near(loss(*mixed), by_hand(student, teacher))
    assert loss(mixed[0], t).item() != pytest.approx(by_hand(student, teacher), rel=1e-3)


@EVERY
def test_the_same_features_cost_nothing(name):
    loss, _, student, _ = LOSSES[name]
    assert loss(as_tensors(student), as_tensors(student)).item() == pytest.approx(0, abs=1e-12)


@EVERY
def test_gradient_is_that_of_finite_differences(name):
    loss, _, student, teacher = LOSSES[name]
    s, t = as_tensors(student, gradient=True), as_tensors(teacher)
    loss(s, t).backward()
    random = torch.Generator().manual_seed(0)
    for which, leaf in enumerate(leaves(s)):
        way = torch.randn(leaf.shape, dtype=leaf.dtype, generator=random)
        way = way / way.norm() + leaf.grad / leaf.grad.norm()  # along it as well, or little would be compared
        way = way * (leaf.detach() != 0)  # a ReLU's zeros stay where they are
        values = []
        for step in (1e-5, -1e-5):
            moved = [other.detach() for other in leaves(s)]
            moved[which] = moved[which] + step * way
            values.append(loss(moved if isinstance(s, list) else moved[0], t).item())
        # kdsvd cuts off a series: 0.5^(2·4) of it is left out for singular values that fall by a half.
        slope, rel = (leaf.grad * way).sum().item(), 1e-2 if name == "kdsvd" else 1e-4
        assert slope == pytest.approx((values[0] - values[1]) / 2e-5, rel=rel, abs=1e-8)


@EVERY
@pytest.mark.parametrize("batch", [2, 3])
@pytest.mark.parametrize("kind", ["zero", "constant", "one dead", "equal samples", "tiny", "huge"])
def test_hard_features_give_finite_losses_and_gradients(name, batch, kind):
    """float32, as in a run; also where a whole network is dead, or two images are the same."""
    loss, _, student, teacher = LOSSES[name]

    def change(stage):
        stage = torch.tensor(stage[:batch], dtype=torch.float32)
        if kind == "one dead":
            stage[0] = 0
        return {
            "zero": stage * 0,
            "constant": stage * 0 + 0.5,
            "one dead": stage,
            "equal samples": stage[:1].expand_as(stage).clone(),
            "tiny": stage * 1e-5,
            "huge": stage * 1e4,
        }[kind]

    for teacher_too in (False, True):
        s = every(every(student, change), lambda stage: stage.requires_grad_())
        t = every(teacher, change if teacher_too else lambda stage: torch.tensor(stage[:batch]).float())
        value = loss(s, t)
        value.backward()
        assert torch.isfinite(value)
        for leaf in leaves(s):
            assert torch.isfinite(leaf.grad).all()
            # The tiny are 1e-5 long, so what does not depend on the scale has gradients of up to 1e5.
            assert kind == "huge" or leaf.grad.abs().max() < 1e7


@EVERY
def test_dead_maps_get_no_gradient_through_a_division_by_nearly_nothing(name):
    """One sample of the student's is 0 throughout: whatever pulls at it is as moderate as at the others."""
    loss, _, student, teacher = LOSSES[name]
    s = every(as_tensors(student, torch.float32), lambda stage: stage.index_fill(0, torch.tensor([0]), 0.0))
    s = every(s, lambda stage: stage.requires_grad_())
    loss(s, as_tensors(teacher, torch.float32)).backward()
    assert all(leaf.grad.abs().max() < 100 for leaf in leaves(s))


# Tiny cases, worked out on paper.


def test_at_on_two_positions():
    """Attention (1, 0) of the student, (0.6, 0.8) of the teacher: (0.16 + 0.64) / 2."""
    student = torch.tensor([[[[3.0, 0.0]]]])
    teacher = torch.tensor([[[[3.0, 4.0]]]]).sqrt()
    near(at_loss(student, teacher), 0.4)


def test_at_looks_at_squares_and_averages_the_larger_maps_down():
    near(attention(torch.tensor([[[[1.0, 2.0]], [[1.0, 0.0]]]]))[0, 0], 2 / math.sqrt(4 + 16))
    large = torch.zeros(1, 1, 2, 4)
    large[..., :2] = 7.0  # the left half: (1, 0) at half the size
    near(at_loss(large, torch.tensor([[[[0.0, 1.0]]]])), 1.0)


def test_sp_on_two_samples():
    """Rows (1, 0), (0, 1) of the student; (1, 1)/√2 twice of the teacher."""
    student, teacher = torch.eye(2)[:, :, None, None], torch.ones(2, 1, 1, 1)
    near(sp_loss(student, teacher), (4 * 0.5 + 2 - 4 / math.sqrt(2)) / 4)


def test_cc_on_two_samples():
    """Cosine 0 against 1, twice in four: e^-0.8 · (0.8 + 0.32)."""
    near(paper_cc(torch.eye(2), torch.ones(2, 2)), (math.exp(-0.8) * 1.12) ** 2 / 2)


def test_cc_tends_to_the_gaussian_kernel_as_its_order_grows():
    rows = torch.tensor(ROWS)
    gaussian = torch.exp(-0.4 * torch.cdist(unit(rows, 1), unit(rows, 1)).square())
    gaps = [(correlations(rows, 0.4, order) - gaussian).abs().max().item() for order in (1, 2, 3, 12)]
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[-1] < 1e-9


def test_pkt_on_three_samples():
    """The student's neighbours are as good as each other. The teacher's: K(0, 1) = 1, K(0, 2) = K(1, 2) = ½."""
    student, teacher = torch.eye(3), torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    row = 2 / 3 * math.log(4 / 3) + 1 / 3 * math.log(2 / 3)
    near(pkt_loss(student, teacher), 2 * row / 9)
    near(neighbours(teacher)[0, 1], 2 / 3)


def test_pkt_of_opposite_features_is_finite():
    student = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [-1.0, 0.0]], requires_grad=True)
    loss = pkt_loss(student, torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(student.grad).all()


def test_rkd_on_three_samples():
    """A right angle with sides 3, 4, 5 against three equal sides."""
    student = torch.tensor([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]])
    teacher = torch.eye(3)
    near(rkd_distance_loss(student, teacher), 2 * 0.5 * (0.25**2 + 0.25**2) / 9)
    gaps = [0.5 - 0.0, 0.6 - 0.5, 0.8 - 0.5]
    near(rkd_angle_loss(student, teacher), 2 * sum(0.5 * gap**2 for gap in gaps) / 27)
    near(angles(student)[1, 0, 2], 0.6)  # at the second sample, between the first and the third
    near(distances(student)[1, 2], 5 / 4)


def test_nst_on_one_position_each():
    """Patterns (1, 0) and (0, 1) of the student, (1, 0) of the teacher: ½ + 1 − 2·½."""
    student = torch.tensor([[[[5.0, 0.0]], [[0.0, 2.0]]]])
    near(nst_loss(student, torch.tensor([[[[3.0, 0.0]]]])), 0.5)


def test_vid_by_hand():
    teacher, mean = torch.tensor(TARGET), torch.tensor(SMALL)
    near(vid_loss(mean, teacher, torch.tensor(VARIANCE)), vid_by_hand(SMALL, TARGET, VARIANCE), rel=1e-9)
    near(vid_loss(torch.ones(1, 1, 1, 1), torch.ones(1, 1, 1, 1) * 3, torch.tensor([4.0])), 0.5 + math.log(2))


def test_vid_is_least_at_the_teachers_mean_and_variance():
    teacher = torch.randn(64, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 3 + 1
    best = vid_loss(teacher.mean().expand_as(teacher), teacher, teacher.var(unbiased=False)[None])
    for mean, variance in ((0.8, 9.0), (1.2, 9.0), (1.0, 7.0), (1.0, 11.0)):
        assert vid_loss(torch.full_like(teacher, mean), teacher, torch.tensor([variance])) > best


def test_fsp_on_two_positions():
    """(1·3 + 2·4)/2 of the student, 0 of the teacher."""
    first, second = torch.tensor([[[[1.0, 2.0]]]]), torch.tensor([[[[3.0, 4.0]]]])
    near(fsp_matrix(first, second), 5.5)
    near(fsp_loss([first, second], [first * 0, second]), 5.5**2)
    near(fsp_matrix(first, torch.tensor([[[[1.0, 3.0, 5.0, 7.0]]]])), (1 * 2 + 2 * 6) / 2)  # averaged down


def test_fsp_does_not_depend_on_the_size_of_the_maps():
    first, second = torch.tensor(CHAIN[0]), torch.tensor(CHAIN[1])
    larger = [maps.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3) for maps in (first, second)]
    assert torch.allclose(fsp_matrix(*larger), fsp_matrix(first, second))


def test_kdsvd_on_two_channels():
    """The student's vectors (1, 0) and (0, 1); the teacher's (0.6, 0.8) twice."""
    one, two = torch.tensor([[[[2.0]], [[0.0]]]]), torch.tensor([[[[0.0]], [[5.0]]]])
    both = torch.tensor([[[[3.0]], [[4.0]]]])
    gaps = [(1, 0), (0, 0.2), (0, 0.2), (1, 0)]  # of the student's (i, j), and of the teacher's
    expected = sum((math.exp(-(own**2) / 8) - math.exp(-(other**2) / 8)) ** 2 for own, other in gaps)
    near(kdsvd_loss([one, two], [both, both]), expected)


def test_singular_vectors_are_those_of_lapack():
    for maps in (with_decay(4, 8, 5), with_decay(4, 30, 3), relu_maps(4, 8, 6, 6)):
        vectors = singular_vectors(torch.tensor(maps), 4)
        right = torch.tensor(np.linalg.svd(maps.reshape(*maps.shape[:2], -1).transpose(0, 2, 1))[2])
        first = 4 if maps.min() < 0 else 1  # the lesser ones of random maps are nearly equal
        products = (vectors[:, :, :first] * right[:, :first].mT).sum(1).abs()
        assert torch.allclose(products, torch.ones_like(products), atol=1e-5)


def test_singular_vectors_that_are_not_there_are_zero():
    one = torch.randn(2, 6, 1, 1, generator=torch.Generator().manual_seed(0))  # a single position: rank 1
    vectors = singular_vectors(one, 4)
    assert torch.allclose(vectors[:, :, 0].norm(dim=1), torch.ones(2))
    assert not vectors[:, :, 1:].any()
    assert singular_vectors(torch.ones(2, 3, 4, 4), 4).shape == (2, 3, 3)


def test_a_vector_is_taken_and_turned_by_its_likeness():
    vectors = torch.eye(3)[None].repeat(2, 1, 1)
    goal = torch.tensor([[0.1, -0.9, 0.2], [0.8, 0.5, 0.0]])
    assert aligned(vectors, goal).tolist() == [[0, -1, 0], [1, 0, 0]]


# What each loss does not see, and what it does.


def rotated(rows):
    return rows @ torch.tensor(np.linalg.qr(np.random.default_rng(3).normal(size=(rows.shape[1],) * 2))[0])


INVARIANCES = [
    ("at", lambda maps: maps * torch.arange(1.0, 6)[:, None, None, None], True),  # of each sample alone
    ("at", lambda maps: maps[:, [2, 0, 1]], True),
    ("at", lambda maps: maps.flip(3), False),
    ("sp", lambda maps: maps * 7, True),
    ("sp", lambda maps: maps[:, [2, 0, 1]], True),
    ("sp", lambda maps: maps.flip(3), True),
    ("sp", lambda maps: maps + 1, False),
    ("cc", rotated, True),
    ("cc", lambda rows: rows * torch.arange(1.0, 6)[:, None], True),
    ("cc", lambda rows: rows + 1, False),
    ("pkt", rotated, True),
    ("pkt", lambda rows: rows * torch.arange(1.0, 6)[:, None], True),
    ("pkt", lambda rows: rows + 1, False),
    *[(name, rotated, True) for name in ("rkd_distance", "rkd_angle")],
    *[(name, lambda rows: rows * 3 + 5, True) for name in ("rkd_distance", "rkd_angle")],
    *[(name, lambda rows: rows * torch.arange(1.0, 5), False) for name in ("rkd_distance", "rkd_angle")],
    ("nst", lambda maps: maps * torch.arange(1.0, 4)[:, None, None], True),  # of each channel alone
    ("nst", lambda maps: maps[:, [2, 0, 1]], True),
    ("nst", lambda maps: maps.flip(3), False),
    ("fsp", lambda maps: maps.flip(3), True),
    ("fsp", lambda maps: maps * 2, False),
    ("kdsvd", lambda maps: maps * 2, True),
    ("kdsvd", lambda maps: -maps, True),
    ("kdsvd", lambda maps: maps.flip(3), True),
    ("kdsvd", lambda maps: maps.flip(1), False),
    ("hint", lambda maps: maps * 2, False),
]


@pytest.mark.parametrize(("name", "change", "same"), INVARIANCES)
def test_what_a_loss_does_not_see(name, change, same):
    loss, by_hand, student, teacher = LOSSES[name]
    expected = by_hand(student, teacher)
    value = loss(every(as_tensors(student), change), as_tensors(teacher)).item()
    assert (value == pytest.approx(expected, rel=1e-5)) == same
