"""Norm and direction of features, alone and added to other methods."""

import math

import numpy as np
import pytest
import torch
from batches import batch_of
from by_hand import differs
from features_by_hand import ROWS, near
from layers_by_hand import affine, array, batch_norm, cross_entropy
from parts import LABELS, SMALL, prepared, random_outputs, real_batch, real_pair

from kd.distillation.base import Context
from kd.distillation.combined import build_method, build_methods
from kd.methods.nd import ClassMeans, nd_loss

pytestmark = pytest.mark.usefixtures("one_thread")
RANDOM = np.random.default_rng(5)
TEACHER, MEANS = RANDOM.normal(size=(2, *ROWS.shape))


def by_hand(student, teacher, means):
    total = 0.0
    for own, other, mean in zip(student, teacher, means, strict=True):
        longer = max(math.sqrt(own @ own), math.sqrt(other @ other))
        total += 1 - own @ mean / math.sqrt(mean @ mean) / longer
    return total / len(student)


def directions(means):
    return torch.tensor(means / np.sqrt((means**2).sum(axis=1, keepdims=True)))


def loss_of(student, teacher=TEACHER, means=MEANS):
    return nd_loss(student, torch.tensor(teacher), directions(means))


def test_loss_is_the_papers():
    near(loss_of(torch.tensor(ROWS)), by_hand(ROWS, TEACHER, MEANS), rel=1e-12)


def test_gradient_is_that_of_finite_differences():
    student = torch.tensor(ROWS, requires_grad=True)
    loss_of(student).backward()
    way = torch.tensor(RANDOM.normal(size=ROWS.shape))
    moved = [by_hand(ROWS + step * way.numpy(), TEACHER, MEANS) for step in (1e-6, -1e-6)]
    near((student.grad * way).sum(), (moved[0] - moved[1]) / 2e-6, rel=1e-5)


ORDER = torch.tensor([4, 2, 0, 1, 3])


def rotated(rows):
    return rows @ np.linalg.qr(np.random.default_rng(3).normal(size=(rows.shape[1],) * 2))[0]


@pytest.mark.parametrize(
    ("change", "same"),
    [
        (lambda *rows: [one[ORDER.numpy()] for one in rows], True),
        (lambda *rows: [np.concatenate([one, one]) for one in rows], True),
        (lambda *rows: [rotated(one) for one in rows], True),
        (lambda s, t, m: (s * 3, t * 3, m), True),  # of both lengths
        (lambda s, t, m: (s, t, m * np.arange(1, 6)[:, None]), True),  # of a mean the direction counts
        (lambda s, t, m: (s, rotated(t), m), True),  # and of the teacher's own feature the length
        (lambda s, t, m: (s * 3, t, m), False),
        (lambda s, t, m: (s, t * 3, m), False),
        (lambda s, t, m: (s + 1, t, m), False),
        (lambda s, t, m: (s[ORDER.numpy()], t, m), False),
        (lambda s, t, m: (s, t[ORDER.numpy()], m), False),
        (lambda s, t, m: (s, t, m[ORDER.numpy()]), False),
    ],
)
def test_what_it_does_not_see(change, same):
    student, teacher, means = change(ROWS, TEACHER, MEANS)
    value = loss_of(torch.tensor(student), teacher, means).item()
    assert (value == pytest.approx(by_hand(ROWS, TEACHER, MEANS), rel=1e-9)) == same


def test_known_mistakes():
    lengths = [np.sqrt((rows**2).sum(axis=1)) for rows in (ROWS, TEACHER, MEANS)]
    assert len(set(lengths[0] > lengths[1])) == 2, "students that are shorter, and that are longer"
    along = (ROWS * MEANS).sum(axis=1) / lengths[2]
    longer, shorter = np.maximum(*lengths[:2]), np.minimum(*lengths[:2])
    right = (1 - along / longer).mean()
    mistakes = {
        "by the shorter": (1 - along / shorter).mean(),
        "the cosine": (1 - along / lengths[0]).mean(),
        "by the teacher's length": (1 - along / lengths[1]).mean(),
        "by the product": (1 - along / lengths[0] / lengths[1]).mean(),
        "means as long as they are": (1 - along * lengths[2] / longer).mean(),
        "along the teacher's own feature": (1 - (ROWS * TEACHER).sum(axis=1) / lengths[1] / longer).mean(),
        "not divided": (1 - along).mean(),
        "no 1": -(along / longer).mean(),
        "a sum": 5 * right,
        "the longest of the batch": (1 - along / longer.max()).mean(),
    }
    loss = loss_of(torch.tensor(ROWS))
    assert loss.item() == pytest.approx(right, rel=1e-12)
    differs(loss, mistakes)


def test_class_means_get_no_gradient():
    """Of features that have one, as those of a peer would."""
    features = torch.tensor(TEACHER, requires_grad=True)
    assert not ClassMeans(5, ROWS.shape[1]).double()(features, torch.arange(5)).requires_grad


def test_class_means_do_not_depend_on_the_order_within_a_batch():
    features, labels = torch.tensor(TEACHER), torch.tensor([0, 1, 1, 2, 0])
    one, other = (ClassMeans(3, ROWS.shape[1]).double() for _ in range(2))
    expected = one(features, labels)
    assert torch.allclose(other(features[ORDER], labels[ORDER]), expected[ORDER], rtol=1e-12)
    running = [TEACHER[0], TEACHER[1], TEACHER[1:3].mean(axis=0), TEACHER[3], TEACHER[[0, 4]].mean(axis=0)]
    assert not np.allclose(expected.numpy(), running), (
        "the whole batch is counted first, not sample by sample"
    )


def test_a_short_student_grows_along_the_direction_and_a_long_one_turns():
    direction = torch.tensor([[1.0, 0.0]])
    short = torch.tensor([[0.3, 0.4]], requires_grad=True)
    nd_loss(short, torch.tensor([[0.0, 2.0]]), direction).backward()
    assert short.grad.tolist() == [[-0.5, 0.0]]  # −e/‖t‖
    long = torch.tensor([[3.0, 4.0]], requires_grad=True)
    loss = nd_loss(long, torch.tensor([[0.0, 2.0]]), direction)
    loss.backward()
    near(loss, 0.4)
    near(1 + (long.grad * long.detach()).sum(), 1)  # nothing along itself


@pytest.mark.parametrize("teacher", [0.0, 1.0])
def test_dead_features_give_finite_gradients(teacher):
    student = torch.zeros(2, 3, requires_grad=True)
    loss = nd_loss(student, torch.full((2, 3), teacher), torch.zeros(2, 3))
    loss.backward()
    assert loss.item() == 1
    assert student.grad.isfinite().all()


def test_class_means_are_of_all_that_was_seen():
    means, seen = ClassMeans(3, 2).double(), []
    for labels in ([0, 1, 1, 0], [1, 1, 1, 1], [2, 0, 1, 2]):
        features = RANDOM.normal(size=(4, 2))
        seen += list(zip(labels, features, strict=True))
        answer = means(torch.tensor(features), torch.tensor(labels))
        for label, row in zip(labels, answer, strict=True):
            expected = np.mean([feature for other, feature in seen if other == label], axis=0)
            np.testing.assert_allclose(row.numpy(), expected, rtol=1e-12)


def test_features_of_unlike_widths_are_fitted():
    method, outputs = prepared("nd", {"weight": 3.0}), random_outputs()
    method.fit[1].eval()  # dropout
    student, teacher = (array(output.stages[-1]).mean(axis=(2, 3)) for output in outputs)
    fitted = affine(batch_norm(student[:, :, None, None], method.fit[0])[:, :, 0, 0], method.fit[2])
    labels = LABELS.tolist()
    means = np.array([teacher[[other == label for other in labels]].mean(axis=0) for label in labels])
    terms = method.losses(batch_of(*outputs, LABELS))
    near(terms["nd"], 3 * by_hand(fitted, teacher, means), rel=1e-9)
    near(terms["ce"], cross_entropy(array(outputs[0].logits), LABELS.numpy()), rel=1e-12)


def test_features_of_one_width_are_compared_as_they_are():
    assert not list(prepared("nd", shapes=(SMALL[0], SMALL[0])).parameters())


@pytest.mark.parametrize("other", ["kd", "dkd", "reviewkd"])
def test_it_adds_to_others_with_one_cross_entropy(other):
    student, teacher = real_pair("cnn", "resnet8x4", 8)
    images, labels = torch.randn(4, 3, 8, 8), torch.arange(4)
    context = student, teacher, (3, 8, 8), 7, labels, 3
    both = build_methods([(other, {}), ("nd", {})])
    both.prepare(Context(*context))
    alone = build_method(other, {})
    alone.prepare(Context(*context))
    terms = both.losses(real_batch(student, teacher, images, labels))
    assert set(terms) == {*alone.losses(real_batch(student, teacher, images, labels)), "nd"}
    sum(terms.values()).backward()
    assert all(parameter.grad is not None for parameter in both.parameters())
    assert both.describe().endswith("; CE + 2·ND (CE once, the first)")


def test_mixed_images_have_no_one_class():
    assert build_method("nd", {}).ONE_LABEL
