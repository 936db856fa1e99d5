"""Self-supervision: which views are shown, which of them are trusted, and what is compared."""

import math

import numpy as np
import pytest
import torch
from features_by_hand import near
from layers_by_hand import affine, array, cross_entropy, divergence, probabilities, relu
from parts import SMALL, Shaped, prepared, real_batch, real_pair

from kd.distillation.base import Context
from kd.distillation.batch import Batch, Output
from kd.distillation.combined import build_method, build_methods
from kd.errors import UserError
from kd.methods.sskd import kept, kept_divergence, similarities, turned

pytestmark = pytest.mark.usefixtures("one_thread")
LABELS = torch.tensor([0, 2, 1])
SIZE = len(LABELS)


def test_images_are_turned_four_ways_and_keep_their_order():
    images = torch.arange(8.0).view(2, 1, 2, 2)  # (0 1; 2 3) and (4 5; 6 7)
    rows = turned(images).flatten(1).tolist()
    assert rows[0::2] == [[0, 1, 2, 3], [1, 3, 0, 2], [3, 2, 1, 0], [2, 0, 3, 1]]
    assert rows[1] == [4, 5, 6, 7]


def test_similarities_are_cosines_with_the_upright_images():
    features = np.random.default_rng(0).normal(size=(8, 3))
    made = similarities(torch.tensor(features))
    assert made.shape == (6, 2)
    for row, column in np.ndindex(6, 2):
        one, other = features[2 + row], features[column]
        near(made[row, column], one @ other / math.sqrt((one @ one) * (other @ other)), rel=1e-12)


SCORES = torch.tensor([[3.0, 1, 0], [0, 1, 3], [2, 1, 3], [0, 1, 2], [5, 4, 6]])
# the label 0 has ranks 0, 2, 1, 2, 1


@pytest.mark.parametrize(
    ("share", "rows"),
    [
        (0.0, [1, 0, 0, 0, 0]),
        (0.25, [1, 0, 1, 0, 0]),
        (0.75, [1, 1, 1, 0, 1]),
        (0.74, [1, 0, 1, 0, 1]),
        (1.0, [1] * 5),
    ],
)
def test_the_least_wrong_are_kept_with_the_right(share, rows):
    """Of four wrong ones a share, rounded down; of equals the first."""
    assert kept(SCORES, torch.zeros(5, dtype=torch.int64), share).tolist() == rows


def test_the_divergence_is_the_mean_over_what_is_kept():
    student, teacher = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    rows = torch.tensor([1.0, 0, 1, 0])
    expected = divergence(teacher.numpy()[[0, 2]], student.numpy()[[0, 2]], 2.0)
    near(kept_divergence(student, teacher, 2.0, rows), expected, rel=1e-12)
    assert kept_divergence(student, teacher, 2.0, rows * 0) == 0


def random_views(preliminary=False):
    """A batch of three images whose four views have random outputs, in float64."""
    random = torch.Generator().manual_seed(1)

    def output(stages):
        maps = tuple(torch.randn(4 * SIZE, *shape, generator=random).double() for shape in stages)
        return Output(torch.randn(4 * SIZE, 3, generator=random).double(), maps)

    student, teacher = (output(stages) for stages in SMALL)
    for tensor in (student.logits, *student.stages):
        tensor.requires_grad_()
    known = torch.zeros(SIZE, 1, 8, 8), LABELS, torch.arange(SIZE), torch.tensor(0.0), preliminary
    return Batch(*known, lambda images: student, lambda images, indices: teacher), student, teacher


def cosines(head, output):
    """By hand, of the outputs of four views each."""
    rows = array(output.stages[-1]).mean(axis=(2, 3))
    rows = affine(relu(affine(rows, head[0])), head[2])
    rows = rows / np.sqrt((rows**2).sum(axis=1, keepdims=True))
    return rows[SIZE:] @ rows[:SIZE].T


def trusted(scores, labels, share):
    ranks = [sum(row > row[label]) for row, label in zip(scores, labels, strict=True)]
    order = sorted(range(len(ranks)), key=lambda place: ranks[place])
    right = ranks.count(0)
    return sorted(order[: right + int((len(ranks) - right) * share)])


def test_the_teachers_head_learns_which_image_is_turned():
    method, (batch, student, teacher) = prepared("sskd"), random_views(preliminary=True)
    terms = method.losses(batch)
    scores = cosines(method.teacher_head, teacher)
    expected = [-math.log(probabilities(scores)[row, row % SIZE]) for row in range(3 * SIZE)]
    assert set(terms) == {"self_supervision"}
    near(terms["self_supervision"], np.mean(expected), rel=1e-9)
    terms["self_supervision"].backward()
    assert student.stages[-1].grad is None
    assert "student" not in vars(batch)


def test_all_four_terms_are_the_papers():
    options = {
        "ce_weight": 2.0,
        "kd_weight": 3.0,
        "turned_weight": 4.0,
        "similarity_weight": 5.0,
        "turned_share": 0.5,
        "temperature": 2.0,
    }
    method, (batch, student, teacher) = prepared("sskd", options), random_views()
    terms = method.losses(batch)
    own, other = array(student.logits), array(teacher.logits)
    near(terms["ce"], 2 * cross_entropy(own[:SIZE], LABELS.numpy()), rel=1e-9)
    near(terms["kd"], 3 * divergence(other[:SIZE], own[:SIZE], 2.0), rel=1e-9)
    rows = trusted(other[SIZE:], LABELS.tolist() * 3, 0.5)
    assert 0 < len(rows) < 3 * SIZE
    near(terms["turned"], 4 * divergence(other[SIZE:][rows], own[SIZE:][rows], 2.0), rel=1e-9)
    scores, target = cosines(method.student_head, student), cosines(method.teacher_head, teacher)
    rows = trusted(target, list(range(SIZE)) * 3, 0.75)
    near(terms["similarity"], 5 * divergence(target[rows], scores[rows], 0.5), rel=1e-9)
    sum(terms.values()).backward()
    assert all(parameter.grad is None for parameter in method.teacher_head.parameters())
    assert all(parameter.grad is not None for parameter in method.student_head.parameters())


def test_each_network_runs_once_on_all_views_and_for_others_of_a_sum():
    student, teacher = real_pair("cnn", "resnet8x4", 8)
    labels, ran = torch.arange(4), []
    both = build_methods([("sskd", {"init_epochs": 0}), ("sp", {})])
    both.prepare(Context(student, teacher, (3, 8, 8), 7, labels, 3))
    batch = real_batch(student, teacher, torch.randn(4, 3, 8, 8), labels, asked=ran)
    terms = both.losses(batch)
    assert sorted(ran) == ["student", "teacher"]
    assert batch.student.logits.shape == (4, 7)
    assert set(terms) == {"ce", "kd", "turned", "similarity", "sp"}


def test_images_have_to_be_square():
    context = Context(Shaped(SMALL[0]), Shaped(SMALL[1]), (1, 8, 6), 3, LABELS, 5)
    with pytest.raises(UserError, match="turns images by 90 degrees, so they have to be square"):
        build_method("sskd", {}).prepare(context)
