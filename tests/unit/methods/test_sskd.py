"""Self-supervision: which views are shown, which of them are trusted, and what is compared."""

import math

import numpy as np
import pytest
import torch
from by_hand import differs, slopes_along
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


def outputs_of_views(places=range(SIZE)):
    """Random outputs of both networks, in float64, of the four views of three images in the order of `places`."""
    random, rows = (
        torch.Generator().manual_seed(1),
        [view * SIZE + place for view in range(4) for place in places],
    )

    def output(stages):
        maps = tuple(torch.randn(4 * SIZE, *shape, generator=random).double()[rows] for shape in stages)
        return Output(torch.randn(4 * SIZE, 3, generator=random).double()[rows], maps)

    student, teacher = (output(stages) for stages in SMALL)
    for tensor in (student.logits, *student.stages):
        tensor.requires_grad_()
    return student, teacher


def random_views(preliminary=False, outputs=None, labels=LABELS):
    """A batch of three images whose four views have these outputs."""
    student, teacher = outputs or outputs_of_views()
    known = torch.zeros(SIZE, 1, 8, 8), labels, torch.arange(SIZE), torch.tensor(0.0), preliminary
    return Batch(*known, lambda images: student, lambda images, indices: teacher), student, teacher


def cosines(head, maps, length=True):
    """By hand, of the last maps of four views each."""
    rows = maps.mean(axis=(2, 3))
    rows = affine(relu(affine(rows, head[0])), head[2])
    rows = rows / np.sqrt((rows**2).sum(axis=1, keepdims=True)) if length else rows
    return rows[SIZE:] @ rows[:SIZE].T


def trusted(scores, labels, share):
    ranks = [sum(row > row[label]) for row, label in zip(scores, labels, strict=True)]
    order = sorted(range(len(ranks)), key=lambda place: ranks[place])
    right = ranks.count(0)
    return sorted(order[: right + int((len(ranks) - right) * share)])


def which_image(scores):
    """Cross-entropy of each turned image with its upright one."""
    return np.mean([-math.log(probabilities(scores)[row, row % SIZE]) for row in range(3 * SIZE)])


def test_the_teachers_head_learns_which_image_is_turned():
    method, (batch, student, teacher) = prepared("sskd"), random_views(preliminary=True)
    terms, maps = method.losses(batch), array(teacher.stages[-1])
    assert set(terms) == {"self_supervision"}
    right = which_image(cosines(method.teacher_head, maps))
    near(terms["self_supervision"], right, rel=1e-9)
    long = cosines(method.teacher_head, maps, length=False)
    of_student = cosines(method.student_head, array(student.stages[-1]))
    by_image = np.mean([
        -math.log(probabilities(cosines(method.teacher_head, maps))[row, row // SIZE]) for row in range(3 * SIZE)
    ])  # fmt: skip
    differs(terms["self_supervision"], {
        "a sum": 9 * right,
        "not of length 1": which_image(long),
        "at the temperature of the second part": which_image(cosines(method.teacher_head, maps) / 0.5),
        "of the student": which_image(of_student),
        "views beside each other": by_image,
    })  # fmt: skip
    terms["self_supervision"].backward()
    assert student.stages[-1].grad is None
    assert "student" not in vars(batch)
    weight = method.teacher_head[2].weight

    def moved(weights):
        kept = weight.data
        weight.data = torch.tensor(weights[0])
        value = which_image(cosines(method.teacher_head, maps))
        weight.data = kept
        return value

    slopes_along(moved, [weight])


OPTIONS = {
    "ce_weight": 2.0,
    "kd_weight": 3.0,
    "turned_weight": 4.0,
    "similarity_weight": 5.0,
    "turned_share": 0.5,
    "temperature": 2.0,
}


class ByHand:
    """The terms with these options, of the student's logits and last maps, and the teacher's."""

    def __init__(self, method, teacher):
        self.method, self.other = method, array(teacher.logits)
        self.target = cosines(method.teacher_head, array(teacher.stages[-1]))
        self.turned_rows = trusted(self.other[SIZE:], LABELS.tolist() * 3, 0.5)
        self.similar_rows = trusted(self.target, list(range(SIZE)) * 3, 0.75)

    def ce(self, own):
        return 2 * cross_entropy(own[:SIZE], LABELS.numpy())

    def kd(self, own):
        return 3 * divergence(self.other[:SIZE], own[:SIZE], 2.0)

    def turned(self, own, rows=None, temperature=2.0):
        rows = self.turned_rows if rows is None else rows
        return 4 * divergence(self.other[SIZE:][rows], own[SIZE:][rows], temperature)

    def similarity(self, maps, rows=None, temperature=0.5, **more):
        rows, scores = (
            self.similar_rows if rows is None else rows,
            cosines(self.method.student_head, maps, **more),
        )
        return 5 * divergence(self.target[rows], scores[rows], temperature)

    def total(self, arrays):
        own, maps = arrays
        return self.ce(own) + self.kd(own) + self.turned(own) + self.similarity(maps)


def learnt(options=OPTIONS, outputs=None, labels=LABELS, method=None):
    method = method or prepared("sskd", options)
    batch, student, teacher = random_views(outputs=outputs, labels=labels)
    return method, method.losses(batch), student, teacher


def test_all_four_terms_are_the_papers():
    method, terms, student, teacher = learnt()
    right, own, maps = ByHand(method, teacher), array(student.logits), array(student.stages[-1])
    assert 0 < len(right.turned_rows) < 3 * SIZE
    for name in ("ce", "kd", "turned"):
        near(terms[name], getattr(right, name)(own), rel=1e-9)
    near(terms["similarity"], right.similarity(maps), rel=1e-9)


def test_the_gradient_of_what_the_student_puts_out():
    method, terms, student, teacher = learnt()
    sum(terms.values()).backward()
    slopes_along(ByHand(method, teacher).total, [student.logits, student.stages[-1]])
    assert all(parameter.grad is None for parameter in method.teacher_head.parameters())
    assert all(parameter.grad is not None for parameter in method.student_head.parameters())


def test_known_mistakes():
    method, terms, student, teacher = learnt()
    right, own, maps = ByHand(method, teacher), array(student.logits), array(student.stages[-1])
    every, count = list(range(3 * SIZE)), len(right.turned_rows)
    by_image = trusted(right.other[SIZE:], np.repeat(LABELS.numpy(), 3), 0.5)
    assert by_image != right.turned_rows
    differs(terms["ce"], {"of all views": 2 * cross_entropy(own, LABELS.numpy()[list(range(3)) * 4])})
    differs(terms["kd"], {
        "of all views": 3 * divergence(right.other, own, 2.0),
        "no T²": right.kd(own) / 4,
        "turned round": 3 * divergence(own[:SIZE], right.other[:SIZE], 2.0),
    })  # fmt: skip
    differs(terms["turned"], {
        "all of them": right.turned(own, every),
        "those that the teacher knows alone": right.turned(own, trusted(right.other[SIZE:], LABELS.tolist() * 3, 0)),
        "a mean over all": right.turned(own) * count / len(every),
        "a sum": right.turned(own) * count,
        "labels of views beside each other": right.turned(own, by_image),
        "those that the student knows": right.turned(own, trusted(own[SIZE:], LABELS.tolist() * 3, 0.5)),
        "no T²": right.turned(own) / 4,
        "the temperature of similarities": right.turned(own, temperature=0.5),
    })  # fmt: skip
    differs(terms["similarity"], {
        "all of them": right.similarity(maps, every),
        "a mean over all": right.similarity(maps) * len(right.similar_rows) / len(every),
        "no τ²": right.similarity(maps) / 0.5**2,
        "the temperature of logits": right.similarity(maps, temperature=2.0),
        "not of length 1": right.similarity(maps, length=False),
        "turned round": 5 * divergence(
            cosines(method.student_head, maps)[right.similar_rows], right.target[right.similar_rows], 0.5
        ),
        "squares": 5 * ((cosines(method.student_head, maps) - right.target) ** 2).mean(),
    })  # fmt: skip


@pytest.mark.parametrize("preliminary", [True, False])
def test_the_order_of_the_batch_does_not_matter(preliminary):
    """Where all turned images count; of a share, the first of those that are equally wrong do."""
    method, order = prepared("sskd", OPTIONS | {"turned_share": 1.0, "similarity_share": 1.0}), [2, 0, 1]
    pairs = [
        random_views(preliminary, outputs_of_views(places), LABELS[places])[0]
        for places in (range(SIZE), order)
    ]
    terms, other = (method.losses(batch) for batch in pairs)
    assert terms
    for name, value in terms.items():
        assert other[name].item() == pytest.approx(value.item(), rel=1e-9), name


def test_the_pairing_matters():
    method, terms, *outputs = learnt()
    mixed = outputs_of_views([2, 0, 1])[0]
    other = learnt(outputs=(mixed, outputs[1]), method=method)[1]
    for name, value in terms.items():
        assert other[name].item() != pytest.approx(value.item(), rel=1e-3), name


def test_neither_a_constant_of_logits_nor_the_length_of_features_behind_the_heads_matters():
    method, terms, *outputs = learnt()
    shifted = [
        Output(output.logits + shift, output.stages) for output, shift in zip(outputs, (7, -40), strict=True)
    ]
    for head, factor in ((method.student_head, 3), (method.teacher_head, 9)):
        head[2].weight.data *= factor
        head[2].bias.data *= factor
    other = learnt(outputs=shifted, method=method)[1]
    for name, value in terms.items():
        assert other[name].item() == pytest.approx(value.item(), rel=1e-9), name


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
