"""Methods that compare features, against float64 NumPy written from the papers, element by element."""

import math
from itertools import pairwise, product

import numpy as np
import pytest
import torch
from batches import batch_of
from torch.nn import functional

from kd.distillation.base import Context
from kd.distillation.combined import build_method
from kd.distillation.features import unit
from kd.errors import UserError
from kd.methods.at import at_loss, attention
from kd.methods.cc import cc_loss, correlations
from kd.methods.fitnet import hint_loss
from kd.methods.fsp import fsp_loss, fsp_matrix
from kd.methods.kdsvd import aligned, kdsvd_loss, singular_vectors
from kd.methods.nst import nst_loss
from kd.methods.pkt import neighbours, pkt_loss
from kd.methods.rkd import angles, distances, rkd_angle_loss, rkd_distance_loss
from kd.methods.sp import sp_loss
from kd.methods.vid import vid_loss
from kd.registry import methods

pytestmark = pytest.mark.usefixtures("one_thread")
RANDOM = np.random.default_rng(0)
ORDER = [3, 0, 4, 1, 2]


def relu_maps(*shape):
    """As after a ReLU: about half of it is 0."""
    return np.maximum(RANDOM.normal(size=shape), 0)


SMALL, LARGE = relu_maps(5, 3, 4, 4), relu_maps(5, 6, 4, 4)  # of a student and a teacher, one resolution
ROWS, WIDE_ROWS = RANDOM.normal(size=(5, 4)), RANDOM.normal(size=(5, 7))  # pooled features


def tensors(*arrays):
    return [torch.tensor(array, dtype=torch.float64) for array in arrays]


def near(value, expected, rel=1e-5):
    value, expected = (torch.as_tensor(one, dtype=torch.float64).item() for one in (value, expected))
    assert value == pytest.approx(expected, rel=rel)


# What the papers say, one number at a time.


def attention_by_hand(maps):
    """Per sample a list of positions, each the sum over channels of squares, then divided by the length."""
    rows = []
    for sample in maps:
        row = [
            sum(sample[c, y, x] ** 2 for c in range(sample.shape[0]))
            for y, x in product(*map(range, sample.shape[1:]))
        ]
        length = math.sqrt(sum(value**2 for value in row))
        rows.append([value / length for value in row])
    return rows


def at_by_hand(student, teacher):
    pairs = list(zip(attention_by_hand(student), attention_by_hand(teacher), strict=True))
    squares = [(s - t) ** 2 for rows in pairs for s, t in zip(*rows, strict=True)]
    return sum(squares) / len(squares)


def sp_by_hand(student, teacher):
    matrices = []
    for maps in (student, teacher):
        rows = []
        for first in maps:
            row = [np.sum(first * second) for second in maps]
            rows.append(np.array(row) / math.sqrt(sum(value**2 for value in row)))
        matrices.append(np.array(rows))
    return np.sum((matrices[0] - matrices[1]) ** 2) / len(student) ** 2


def cc_by_hand(student, teacher, gamma=0.4):
    """The series to second order written out."""
    total = 0.0
    for i, j in product(range(len(student)), repeat=2):
        value = []
        for rows in (student, teacher):
            cosine = rows[i] @ rows[j] / math.sqrt((rows[i] @ rows[i]) * (rows[j] @ rows[j]))
            value.append(math.exp(-2 * gamma) * (1 + 2 * gamma * cosine + 2 * gamma**2 * cosine**2))
        total += (value[0] - value[1]) ** 2
    return total / len(student) ** 2


def pkt_by_hand(student, teacher):
    def kernel(rows, i, j):
        return 0.5 * (rows[i] @ rows[j] / (np.linalg.norm(rows[i]) * np.linalg.norm(rows[j])) + 1)

    count, total = len(student), 0.0
    for j in range(count):
        others = [k for k in range(count) if k != j]
        for i in others:
            q, p = (
                kernel(rows, i, j) / sum(kernel(rows, k, j) for k in others) for rows in (student, teacher)
            )
            total += p * math.log(p / q)
    return total / count**2


def huber(first, second):
    gap = abs(first - second)
    return 0.5 * gap**2 if gap <= 1 else gap - 0.5


def rkd_distance_by_hand(student, teacher):
    count = len(student)
    pairs = [(i, j) for i in range(count) for j in range(count) if i != j]
    total = 0.0
    means = [np.mean([math.dist(rows[i], rows[j]) for i, j in pairs]) for rows in (student, teacher)]
    for i, j in pairs:
        total += huber(
            math.dist(student[i], student[j]) / means[0], math.dist(teacher[i], teacher[j]) / means[1]
        )
    return total / count**2


def rkd_angle_by_hand(student, teacher):
    """By the law of cosines; where two of the three are one sample there is no angle."""
    count, total = len(student), 0.0
    for i, j, k in product(range(count), repeat=3):
        if i == j or k == j:
            continue
        cosines = []
        for rows in (student, teacher):
            a, b, c = (math.dist(rows[m], rows[n]) for m, n in ((i, j), (k, j), (i, k)))
            cosines.append((a**2 + b**2 - c**2) / (2 * a * b))
        total += huber(*cosines)
    return total / count**3


def nst_by_hand(student, teacher):
    total = 0.0
    for sample in range(len(student)):
        patterns = []
        for maps in (student, teacher):
            flat = [channel.ravel() for channel in maps[sample]]
            patterns.append([channel / math.sqrt(sum(channel**2)) for channel in flat])

        def mean_kernel(first, second):
            return sum((x @ y) ** 2 for x in first for y in second) / (len(first) * len(second))

        s, t = patterns
        total += mean_kernel(s, s) + mean_kernel(t, t) - 2 * mean_kernel(s, t)
    return total / len(student)


def vid_by_hand(mean, teacher, variance):
    """The density itself, less the constant."""
    terms = [
        -math.log(math.exp(-((t - m) ** 2) / (2 * variance[c])) / math.sqrt(variance[c]))
        for m_maps, t_maps in zip(mean, teacher, strict=True)
        for c in range(len(variance))
        for m, t in zip(m_maps[c].ravel(), t_maps[c].ravel(), strict=True)
    ]
    return sum(terms) / len(terms)


def fsp_by_hand(student, teacher):
    def flow(first, second):
        channels, height, width = first.shape
        return [
            [
                sum(first[i, y, x] * second[j, y, x] for y in range(height) for x in range(width))
                / (height * width)
                for j in range(second.shape[0])
            ]
            for i in range(channels)
        ]

    total = 0.0
    for stage in range(len(student) - 1):
        gaps = [
            np.array(flow(student[stage][n], student[stage + 1][n]))
            - np.array(flow(teacher[stage][n], teacher[stage + 1][n]))
            for n in range(len(student[0]))
        ]
        total += sum(np.sum(gap**2) / gap.size for gap in gaps) / len(gaps)
    return total


def kdsvd_by_hand(student, teacher):
    """By LAPACK; of the student's first four vectors the one most like the teacher's first, turned to it."""
    total = 0.0
    for sample in range(len(student[0])):
        vectors = []
        for s_maps, t_maps in zip(student, teacher, strict=True):
            goal, *_ = np.linalg.svd(t_maps[sample].reshape(t_maps.shape[1], -1).T)[2]
            goal = goal * np.sign(goal.sum())  # LAPACK's own choice is any
            others = np.linalg.svd(s_maps[sample].reshape(s_maps.shape[1], -1).T)[2][:4]
            best = max(others, key=lambda vector: abs(vector @ goal))
            vectors.append((best if best @ goal > 0 else -best, goal))
        for before, after in pairwise(vectors):
            for i, j in product(range(len(after[0])), range(len(before[0]))):
                kernels = [math.exp(-((after[n][i] - before[n][j]) ** 2) / 8) for n in range(2)]
                total += (kernels[0] - kernels[1]) ** 2
    return total / len(student[0])


def with_decay(samples, channels, side, decay=0.5, seed=0):
    """Maps whose singular values fall by `decay`, so that the vectors are what they are beyond doubt."""
    random = np.random.default_rng(seed)
    rank = min(channels, side * side)
    left = np.linalg.qr(random.normal(size=(samples, channels, rank)))[0]
    right = np.linalg.qr(random.normal(size=(samples, side * side, rank)))[0]
    maps = (left * decay ** np.arange(rank)) @ right.transpose(0, 2, 1)
    return maps.reshape(samples, channels, side, side)


CHAIN = [relu_maps(5, 3, 4, 4), relu_maps(5, 6, 4, 4), relu_maps(5, 2, 4, 4)]
OTHER_CHAIN = [relu_maps(5, 3, 4, 4), relu_maps(5, 6, 4, 4), relu_maps(5, 2, 4, 4)]
DECAYING = [with_decay(5, 6, 4, seed=1), with_decay(5, 8, 2, seed=2), with_decay(5, 5, 3, seed=3)]
DECAYING_TOO = [with_decay(5, 6, 4, seed=4), with_decay(5, 8, 2, seed=5), with_decay(5, 5, 3, seed=6)]
VARIANCE = np.array([0.5, 1.0, 5.0])
TARGET = RANDOM.normal(size=SMALL.shape)


def paper_cc(student, teacher):
    return cc_loss(student, teacher, 0.4, 2)


LOSSES = {  # name: (loss, by hand, student, teacher)
    "at": (at_loss, at_by_hand, SMALL, LARGE),
    "sp": (sp_loss, sp_by_hand, SMALL, relu_maps(5, 2, 7, 7)),
    "cc": (paper_cc, cc_by_hand, ROWS, WIDE_ROWS),
    "pkt": (pkt_loss, pkt_by_hand, ROWS, WIDE_ROWS),
    "rkd_distance": (rkd_distance_loss, rkd_distance_by_hand, ROWS, WIDE_ROWS),
    "rkd_angle": (rkd_angle_loss, rkd_angle_by_hand, ROWS, WIDE_ROWS),
    "nst": (nst_loss, nst_by_hand, SMALL, LARGE),
    "nst_more_channels_than_positions": (
        nst_loss,
        nst_by_hand,
        relu_maps(5, 9, 2, 2) + 0.1,
        relu_maps(5, 7, 2, 2) + 0.1,
    ),
    "hint": (hint_loss, lambda s, t: sum(((s - t) ** 2).ravel()) / s.size, SMALL, TARGET),
    "fsp": (fsp_loss, fsp_by_hand, CHAIN, OTHER_CHAIN),
    "kdsvd": (kdsvd_loss, kdsvd_by_hand, DECAYING, DECAYING_TOO),
}
EVERY = pytest.mark.parametrize("name", LOSSES)


def ready(stages, dtype=torch.float64, gradient=False):
    """Arrays as tensors; a list for a chain of stages."""
    if isinstance(stages, list):
        return [ready(stage, dtype, gradient) for stage in stages]
    return torch.tensor(stages, dtype=dtype, requires_grad=gradient)


def every(stages, change):
    return [change(stage) for stage in stages] if isinstance(stages, list) else change(stages)


def leaves(stages):
    return stages if isinstance(stages, list) else [stages]


@EVERY
def test_loss_is_the_papers(name):
    loss, by_hand, student, teacher = LOSSES[name]
    expected = by_hand(student, teacher)
    assert expected > 1e-6
    near(loss(ready(student), ready(teacher)), expected, rel=1e-9 if name != "kdsvd" else 1e-6)
    near(loss(ready(student, torch.float32), ready(teacher, torch.float32)), expected, rel=1e-4)


@EVERY
def test_batch_order_does_not_matter_but_pairing_does(name):
    loss, by_hand, student, teacher = LOSSES[name]
    s, t = ready(student), ready(teacher)
    mixed = [every(stages, lambda stage: stage[ORDER]) for stages in (s, t)]
    near(loss(*mixed), by_hand(student, teacher))
    assert loss(mixed[0], t).item() != pytest.approx(by_hand(student, teacher), rel=1e-3)


@EVERY
def test_the_same_features_cost_nothing(name):
    loss, _, student, _ = LOSSES[name]
    assert loss(ready(student), ready(student)).item() == pytest.approx(0, abs=1e-12)


@EVERY
def test_gradient_is_that_of_finite_differences(name):
    loss, _, student, teacher = LOSSES[name]
    s, t = ready(student, gradient=True), ready(teacher)
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
    s = every(ready(student, torch.float32), lambda stage: stage.index_fill(0, torch.tensor([0]), 0.0))
    s = every(s, lambda stage: stage.requires_grad_())
    loss(s, ready(teacher, torch.float32)).backward()
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
        found = singular_vectors(torch.tensor(maps), 4)
        right = torch.tensor(np.linalg.svd(maps.reshape(*maps.shape[:2], -1).transpose(0, 2, 1))[2])
        first = 4 if maps.min() < 0 else 1  # the lesser ones of random maps are nearly equal
        products = (found[:, :, :first] * right[:, :first].mT).sum(1).abs()
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
    value = loss(every(ready(student), change), ready(teacher)).item()
    assert (value == pytest.approx(expected, rel=1e-5)) == same


# The methods: which stages, weights, terms, gradients.

SHAPES = [(3, 8, 8), (4, 4, 4), (5, 2, 2)]
TEACHER_SHAPES = [(6, 8, 8), (7, 4, 4), (5, 2, 2)]
NAMES = ["at", "cc", "fitnet", "fsp", "kdsvd", "nst", "pkt", "rkd", "sp", "vid"]
TWO_STAGES = {"fitnet", "fsp"}


class Staged(torch.nn.Module):
    """Puts out maps of given shapes, whatever it is shown."""

    def __init__(self, shapes):
        super().__init__()
        self.shapes, self.any = shapes, torch.nn.Parameter(torch.zeros(1))

    def forward_stages(self, images):
        return [torch.zeros(len(images), *shape) for shape in self.shapes], None


def context(student=SHAPES, teacher=TEACHER_SHAPES):
    networks = Staged(student), Staged(teacher)
    return Context(*networks, (3, 8, 8), 10, torch.zeros(20, dtype=torch.int64), 10)


def prepared(name, student=SHAPES, teacher=TEACHER_SHAPES, **options):
    torch.manual_seed(0)
    method = build_method(name, options)
    method.prepare(context(student, teacher))
    return method


def answers(shapes=SHAPES, seed=0, samples=6):
    random = torch.Generator().manual_seed(seed)
    stages = tuple(torch.randn(samples, *shape, generator=random).relu() + 0.01 for shape in shapes)
    return torch.randn(samples, 10, generator=random), stages


def a_batch(preliminary=False, **more):
    student, teacher = answers(), answers(TEACHER_SHAPES, 1)
    return batch_of(student, teacher, torch.arange(6), preliminary=preliminary, **more)


TERMS = {
    "at": lambda s, t: 1000 * sum(at_loss(*pair) for pair in zip(s, t, strict=True)),
    "cc": lambda s, t: 100 * paper_cc(s[-1].mean((2, 3)), t[-1].mean((2, 3))),
    "nst": lambda s, t: 50 * sum(nst_loss(*pair) for pair in zip(s, t, strict=True)),
    "pkt": lambda s, t: 30000 * pkt_loss(s[-1].mean((2, 3)), t[-1].mean((2, 3))),
    "rkd_distance": lambda s, t: 25 * rkd_distance_loss(s[-1].mean((2, 3)), t[-1].mean((2, 3))),
    "rkd_angle": lambda s, t: 50 * rkd_angle_loss(s[-1].mean((2, 3)), t[-1].mean((2, 3))),
    "sp": lambda s, t: 3000 * sp_loss(s[-1], t[-1]),
}


@pytest.mark.parametrize("term", TERMS)
def test_terms_have_the_published_weights_and_sum_over_the_pairs(term):
    batch = a_batch()
    terms = prepared(term.split("_")[0]).losses(batch)
    near(terms[term], TERMS[term](batch.student.stages, batch.teacher.stages))
    near(terms["ce"], functional.cross_entropy(batch.student.logits, batch.labels))
    assert set(terms) == ({"ce", "rkd_distance", "rkd_angle"} if "rkd" in term else {"ce", term})


def test_vid_sums_over_pairs_with_its_first_variance():
    method, batch = prepared("vid"), a_batch()
    parts = [
        vid_loss(guess.mean(s), t, torch.full(t.shape[1:2], 5.0))
        for guess, s, t in zip(method.guesses, batch.student.stages, batch.teacher.stages, strict=True)
    ]
    near(method.losses(batch)["vid"], sum(parts))


def test_fitnet_regresses_the_middle_stage_to_the_hint():
    method, batch = prepared("fitnet"), a_batch(preliminary=True)
    hint = 100 * functional.mse_loss(method.regressor(batch.student.stages[1]), batch.teacher.stages[1])
    terms = method.losses(batch)
    near(terms["hint"], hint)
    assert set(terms) == {"hint"}


def test_fitnet_distils_in_its_second_stage_as_kd_does():
    method, batch = prepared("fitnet"), a_batch()
    expected = build_method("kd", {}).losses(batch)
    terms = method.losses(batch)
    assert {name: term.item() for name, term in terms.items()} == pytest.approx(
        {name: term.item() for name, term in expected.items()}
    )


def test_fitnet_of_one_stage_is_that_of_the_benchmark():
    method, batch = prepared("fitnet", init_epochs=0, ce_weight=1.0, kd_weight=0.0), a_batch()
    terms = method.losses(batch)
    assert (method.preliminary, set(terms)) == (0, {"ce", "hint"})
    near(terms["ce"], functional.cross_entropy(batch.student.logits, batch.labels))
    near(terms["hint"], prepared("fitnet").losses(a_batch(preliminary=True))["hint"])


def test_fsp_first_follows_the_flow_and_then_the_labels():
    method, batch = prepared("fsp"), a_batch(preliminary=True)
    fitted = [fit(stage) for fit, stage in zip(method.fits, batch.student.stages, strict=True)]
    terms = method.losses(batch)
    near(terms["fsp"], fsp_loss(fitted, batch.teacher.stages))
    assert set(terms) == {"fsp"}
    assert set(method.losses(a_batch())) == {"ce"}
    assert set(prepared("fsp", init_epochs=0).losses(a_batch())) == {"ce", "fsp"}


@pytest.mark.parametrize("name", ["fsp", "kdsvd"])
def test_stages_of_equally_many_channels_are_compared_as_they_are(name):
    assert not list(prepared(name, SHAPES, SHAPES).parameters())
    method = prepared(name)
    assert [any(True for _ in fit.parameters()) for fit in method.fits] == [True, True, False]


def test_kdsvd_goes_through_its_regressors():
    method, batch = prepared("kdsvd", weight=3.0), a_batch()
    fitted = [fit(stage) for fit, stage in zip(method.fits, batch.student.stages, strict=True)]
    near(method.losses(batch)["kdsvd"], 3 * kdsvd_loss(fitted, batch.teacher.stages))


@pytest.mark.parametrize(
    ("name", "preliminary"), [*((name, False) for name in NAMES), ("fitnet", True), ("fsp", True)]
)
def test_gradients_go_to_the_student_and_the_methods_own(name, preliminary):
    method, batch = prepared(name), a_batch(preliminary)
    everything = [batch.student.logits, *batch.student.stages, batch.teacher.logits, *batch.teacher.stages]
    for tensor in everything:
        tensor.requires_grad_()
    method.requires_grad_(True)
    terms = method.losses(
        batch_of(
            (batch.student.logits, batch.student.stages),
            (batch.teacher.logits.detach(), tuple(stage.detach() for stage in batch.teacher.stages)),
            torch.arange(6),
            preliminary=preliminary,
        )
    )
    sum(terms.values()).backward()
    got = [stage.grad is not None and bool(stage.grad.any()) for stage in batch.student.stages]
    expected = {
        "fitnet": [False, preliminary, False],
        "fsp": [preliminary] * 3,
        **{last: [False, False, True] for last in ("cc", "pkt", "rkd", "sp")},
    }.get(name, [True, True, True])
    assert got == expected
    assert (batch.student.logits.grad is not None) == (not preliminary)
    assert batch.teacher.logits.grad is None
    assert all(stage.grad is None for stage in batch.teacher.stages)
    learns = name not in TWO_STAGES or preliminary
    for parameter in method.parameters():
        assert (parameter.grad is not None and bool(parameter.grad.any())) == learns


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_of_two_is_enough(name):
    student, teacher = answers(samples=2), answers(TEACHER_SHAPES, 1, samples=2)
    for preliminary in (False, True):
        terms = prepared(name).losses(batch_of(student, teacher, preliminary=preliminary))
        assert all(torch.isfinite(term) and term.shape == () for term in terms.values())


DESCRIBED = {
    "at": ({"weight": 1000.0}, "CE + 1000·AT"),
    "cc": ({"weight": 100.0, "gamma": 0.4, "order": 2}, "CE + 100·CC, gamma=0.4, order 2"),
    "fitnet": (
        {"init_epochs": 30, "weight": 100.0, "ce_weight": 0.1, "kd_weight": 0.9, "temperature": 4.0},
        "30 epochs of 100·hint, then 0.1·CE + 0.9·T²·KL, T=4",
    ),
    "fsp": ({"init_epochs": 30, "weight": 1.0}, "30 epochs of 1·FSP, then CE"),
    "kdsvd": ({"weight": 1.0}, "CE + 1·KDSVD"),
    "nst": ({"weight": 50.0}, "CE + 50·NST"),
    "pkt": ({"weight": 30000.0}, "CE + 30000·PKT"),
    "rkd": ({"distance_weight": 25.0, "angle_weight": 50.0}, "CE + 25·RKD-D + 50·RKD-A"),
    "sp": ({"weight": 3000.0}, "CE + 3000·SP"),
    "vid": ({"weight": 1.0}, "CE + 1·VID"),
}


@pytest.mark.parametrize("name", NAMES)
def test_defaults_and_description(name):
    defaults, words = DESCRIBED[name]
    assert dict(methods()[name].options()) == defaults
    assert methods()[name].constants["NEEDS"] == ("stages",)
    method = build_method(name, {})
    assert method.describe() == words
    assert method.preliminary == defaults.get("init_epochs", 0)


def test_forms_of_one_stage_say_so():
    fitnet = build_method("fitnet", {"init_epochs": 0, "ce_weight": 1.0, "kd_weight": 0.0})
    assert fitnet.describe() == "100·hint + 1·CE"
    assert build_method("fsp", {"init_epochs": 0, "weight": 50.0}).describe() == "CE + 50·FSP"


@pytest.mark.parametrize("name", ["fsp", "kdsvd"])
def test_one_common_resolution_has_no_next(name):
    with pytest.raises(UserError, match=r"two or more of the same resolutions; the student has 8x8, the"):
        prepared(name, [(3, 8, 8)], TEACHER_SHAPES)


def test_attention_of_one_pixel_is_refused():
    with pytest.raises(UserError, match="one pixel"):
        prepared("at", [(3, 1, 1)], TEACHER_SHAPES)


@pytest.mark.parametrize("name", NAMES)
def test_an_ensemble_has_no_stages_to_compare(name):
    networks = Staged(SHAPES), torch.nn.Linear(3, 3)
    with pytest.raises(UserError, match="the teacher has none"):
        build_method(name, {}).prepare(Context(*networks, (3, 8, 8), 10, torch.zeros(1), 10))
