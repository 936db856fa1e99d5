"""Losses that look across samples and classes, against plain numbers from the papers' formulas."""

from math import log

import numpy as np
import pytest
import torch
from batches import batch_of
from by_hand import LABELS, STUDENT, TEACHER, kl, mean, softened

from kd.distillation.combined import build_method
from kd.methods.dist import inter_loss, intra_loss
from kd.methods.mlkd import batch_loss, class_loss, instance_loss

temperatures = pytest.mark.parametrize("temperature", [1.0, 4.0])


def tensors():
    return torch.tensor(STUDENT), torch.tensor(TEACHER)


def both(temperature):
    return [[softened(row, temperature) for row in logits] for logits in (STUDENT, TEACHER)]


def columns(rows):
    return list(zip(*rows, strict=True))


def pearson(first, second):
    a, b = [x - mean(first) for x in first], [x - mean(second) for x in second]
    product = sum(x * y for x, y in zip(a, b, strict=True))
    return product / (sum(x * x for x in a) * sum(y * y for y in b)) ** 0.5


def distance(first, second):
    return mean(1 - pearson(a, b) for a, b in zip(first, second, strict=True))


def differs(value, mistakes):
    for name, wrong in mistakes.items():
        assert value.item() != pytest.approx(wrong, rel=1e-3), name


def terms_of(name, **options):
    terms = build_method(name, options).losses(batch_of(*tensors(), LABELS))
    return {term: value.item() for term, value in terms.items()}


@temperatures
def test_relations_between_and_within_classes(temperature):
    student, teacher = both(temperature)
    inter = temperature**2 * distance(student, teacher)
    intra = temperature**2 * distance(columns(student), columns(teacher))
    ours = inter_loss(*tensors(), temperature), intra_loss(*tensors(), temperature)
    assert ours[0].item() == pytest.approx(inter, rel=1e-6)
    assert ours[1].item() == pytest.approx(intra, rel=1e-5)  # 1e-8 beside classes that hardly vary
    scale = [] if temperature == 1 else [1 / temperature**2, temperature**2]
    for value, right, count, along in ((ours[0], inter, 5, 1), (ours[1], intra, 7, 0)):
        lines = (STUDENT, TEACHER) if along else (STUDENT.T, TEACHER.T)
        cosines = [student, teacher] if along else [columns(student), columns(teacher)]
        cosine = [np.dot(a, b) / np.linalg.norm(a) / np.linalg.norm(b) for a, b in zip(*cosines, strict=True)]
        mistakes = {"a sum": right * count, "of logits": temperature**2 * distance(*lines)}
        mistakes |= {"not centred": temperature**2 * (1 - mean(cosine))}
        differs(value, mistakes | {f"T² times {factor}": right * factor for factor in scale})
    assert inter != pytest.approx(intra, rel=1e-2)  # so that one is not mistaken for the other


def test_dist_with_a_pencil():
    """(1/2, 1/4, 1/4) and (1/4, 1/2, 1/4) correlate by −1/2. Of the classes two correlate by −1, one not at all."""
    one, other = [1 / 2, 1 / 4, 1 / 4], [1 / 4, 1 / 2, 1 / 4]
    teacher, student = torch.tensor([one, other]).double().log(), torch.tensor([other, one]).double().log()
    assert inter_loss(student, teacher, 1.0).item() == pytest.approx(3 / 2)
    assert intra_loss(student, teacher, 1.0).item() == pytest.approx((2 + 2 + 1) / 3)


def test_dist_does_not_care_for_scale_and_shift_of_the_predictions():
    """p ↦ a·p + (1 − a)/C is what keeps their sum at 1, with a of its own to each sample, or one for all."""
    teacher = torch.tensor(TEACHER)
    p = teacher.softmax(dim=1)
    own = torch.tensor([[0.3], [0.9], [0.5], [0.2], [0.7]], dtype=torch.float64)
    for a, loss in ((own, inter_loss), (0.3, inter_loss), (0.3, intra_loss)):
        student = (a * p + (1 - a) / 7).log()
        assert loss(student, teacher, 1.0).item() == pytest.approx(0, abs=1e-5)
        assert (student.softmax(dim=1) - p).abs().max() > 0.1
    assert intra_loss((own * p + (1 - own) / 7).log(), teacher, 1.0).item() > 1e-3


def test_a_turned_prediction_is_as_far_as_can_be():
    """p ↦ 2/C − p correlates by −1."""
    teacher = torch.tensor(TEACHER / 20)
    student = (2 / 7 - teacher.softmax(dim=1)).log()
    assert inter_loss(student, teacher, 1.0).item() == pytest.approx(2, rel=1e-5)


def test_dist_as_published():
    method = build_method("dist", {})
    assert (method.ce_weight, method.inter_weight, method.intra_weight, method.temperature) == (1, 2, 2, 1)
    assert method.describe() == "CE + 2·inter + 2·intra (DIST), T=1"
    terms = terms_of("dist", temperature=4, inter_weight=2, intra_weight=3)
    assert terms["inter"] == pytest.approx(2 * inter_loss(*tensors(), 4.0).item())
    assert terms["intra"] == pytest.approx(3 * intra_loss(*tensors(), 4.0).item())


def gram_distance(student, teacher):
    """Σ_ab (Σ_k t_a t_b − Σ_k s_a s_b)², over pairs of what is listed first."""
    total = 0
    for a in range(len(student)):
        for b in range(len(student)):
            ours = sum(x * y for x, y in zip(student[a], student[b], strict=True))
            theirs = sum(x * y for x, y in zip(teacher[a], teacher[b], strict=True))
            total += (theirs - ours) ** 2
    return total


@pytest.mark.parametrize("several", [(1.0,), (4.0,), (2.0, 3.0, 4.0, 5.0, 6.0)])
def test_three_levels(several):
    """Batch and class level have no T², and are means over samples and over classes; temperatures add up."""
    instance = batch = by_class = 0
    for temperature in several:
        student, teacher = both(temperature)
        instance += temperature**2 * mean(kl(t, s) for s, t in zip(student, teacher, strict=True))
        batch += gram_distance(student, teacher) / 5
        by_class += gram_distance(columns(student), columns(teacher)) / 7
    losses = instance_loss, batch_loss, class_loss
    ours = [loss(*tensors(), several) for loss in losses]
    assert [value.item() for value in ours] == pytest.approx([instance, batch, by_class], rel=1e-9)
    differs(
        ours[0], {"over classes too": instance / 7, **({"no T²": instance / 16} if several[0] == 4 else {})}
    )
    differs(
        ours[1], {"by C": batch * 5 / 7, "a sum": batch * 5, "over entries": batch / 5, "classes": by_class}
    )
    differs(ours[2], {"by B": by_class * 7 / 5, "a sum": by_class * 7, "over entries": by_class / 7})
    if len(several) > 1:
        for value in ours:
            differs(value, {"a mean over temperatures": value.item() / 5})


def test_mlkd_with_a_pencil():
    """Teacher (1/2, 1/2) twice: all entries are 1/2. Student (3/4, 1/4), (1/4, 3/4): 5/8 and 3/8; 4/64 by 2."""
    teacher, student = torch.zeros(2, 2).double(), torch.tensor([[3.0, 1.0], [1.0, 3.0]]).double().log()
    assert batch_loss(student, teacher, (1.0,)).item() == pytest.approx(1 / 32)
    assert class_loss(student, teacher, (1.0,)).item() == pytest.approx(1 / 32)
    assert instance_loss(student, teacher, (1.0,)).item() == pytest.approx(log(4 / 3) / 2)


def test_mlkd_as_published():
    method = build_method("mlkd", {})
    assert method.temperatures == (2, 3, 4, 5, 6)
    weights = method.ce_weight, method.instance_weight, method.batch_weight, method.class_weight
    # Of the authors' 0.1 and 0.9: twice, one and a half times, and a half each.
    assert weights == pytest.approx((2 * 0.1, 1.5 * 0.9, 0.5 * 0.9, 0.5 * 0.9))
    assert method.describe() == "0.2·CE + 1.35·instance + 0.45·batch + 0.45·class (MLKD), T=2, 3, 4, 5, 6"
    options = {"temperatures": [1.5, 4], "instance_weight": 2, "batch_weight": 3, "class_weight": 4}
    terms, several = terms_of("mlkd", **options), (1.5, 4.0)
    assert terms["instance"] == pytest.approx(2 * instance_loss(*tensors(), several).item())
    assert terms["batch"] == pytest.approx(3 * batch_loss(*tensors(), several).item())
    assert terms["class"] == pytest.approx(4 * class_loss(*tensors(), several).item())
