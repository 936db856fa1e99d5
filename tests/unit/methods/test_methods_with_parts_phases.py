"""Methods that learn in two phases: activation boundaries, and factors."""

import itertools
import math

import numpy as np
import pytest
import torch
from batches import batch_of
from layers_by_hand import array, conv_bn, convolve, cross_entropy, divergence, pool
from parts import LABELS, SMALL, Shaped, prepared, random_outputs, real_batch, real_pair

from kd.distillation.base import Context
from kd.distillation.combined import build_method
from kd.methods.ab import boundary_loss
from kd.methods.ft import factor_loss

# A pair whose only common size is the first: the last stages are compared as well.
UNEQUAL = [(3, 8, 8), (5, 2, 2)], [(6, 8, 8), (4, 4, 4)]


def boundaries_by_hand(student, teacher, margin):
    """Neuron by neuron: squared distance to the margin, on the wrong side of it only."""
    total = 0.0
    for s, t in zip(student.ravel(), teacher.ravel(), strict=True):
        if t > 0 and s < margin:
            total += (s - margin) ** 2
        if t <= 0 and s > -margin:
            total += (s + margin) ** 2
    return total / len(student)


def ab(shapes=SMALL, **options):
    return prepared("ab", {"init_epochs": 2, **options}, shapes)


def both(shapes=SMALL, preliminary=True, **more):
    return batch_of(*random_outputs(shapes, **more), LABELS, preliminary=preliminary)


def test_boundaries_of_four_neurons():
    """Responding: at 0.5 (0.5 short of 1) and at 2 (beyond). Silent: at −3 (beyond) and at 1 (2 too far)."""
    student = torch.tensor([0.5, 2.0, -3.0, 1.0]).view(1, 4, 1, 1)
    teacher = torch.tensor([7.0, 0.1, 0.0, -2.0]).view(1, 4, 1, 1)
    assert boundary_loss(student, teacher, 1.0).item() == 0.25 + 4


def test_boundaries_cost_nothing_beyond_the_margin():
    student = torch.tensor([1.0, 5.0, -1.0, -5.0]).view(1, 4, 1, 1).requires_grad_()
    loss = boundary_loss(student, torch.tensor([1.0, 1.0, 0.0, -1.0]).view(1, 4, 1, 1), 1.0)
    loss.backward()
    assert loss.item() == 0
    assert student.grad.count_nonzero() == 0


def test_only_the_side_of_the_teacher_counts():
    student, teacher = (
        stage.detach() for stage in (random_outputs()[0].stages[1] - 0.5, random_outputs()[1].stages[1])
    )
    assert boundary_loss(student, teacher, 1.0) == boundary_loss(student, 100 * teacher, 1.0)
    assert boundary_loss(student, teacher, 1.0) != boundary_loss(student, -teacher, 1.0)


@pytest.mark.parametrize("margin", [0.5, 1.0])
def test_boundaries_are_those_of_the_paper(margin):
    """Stages from deep to shallow count 1, 1/2 and 1/4, times 3/1000; the second pair has one shape."""
    method, batch = ab(margin=margin), both()
    expected = 0.0
    for index, weight in ((0, 0.25), (1, 0.5), (2, 1.0)):
        fitted = array(batch.student.stages[index])
        if index != 1:
            fitted = conv_bn(fitted, method.connectors[index])
        expected += weight * boundaries_by_hand(fitted, array(batch.teacher.stages[index]), margin)
    terms = method.losses(batch)
    assert set(terms) == {"boundaries"}
    assert terms["boundaries"].item() == pytest.approx(0.003 * expected, rel=1e-9)


def test_boundaries_are_before_the_relus_or_where_the_stages_end():
    """A network with a stage of its own ReLU, and one whose maps the next stage's norm takes."""
    student, teacher = real_pair("wrn_16_1", "resnet8", 8)
    images, labels = torch.randn(4, 3, 8, 8), torch.arange(4)
    known = (3, 8, 8), 7, labels, 3
    for before_relu in (True, False):
        method = build_method("ab", {"before_relu": before_relu})
        method.prepare(Context(student, teacher, *known))
        assert [len(list(part.parameters())) for part in method.connectors] == [0 if before_relu else 3] * 3
        terms = method.losses(real_batch(student, teacher, images, labels, preliminary=True))
        if before_relu:
            x = student.stages[0](images)
            ours = [student.stages[1][0].activate[0](x)]
            x = student.stages[1](x)
            ours.append(student.stages[2][0].activate[0](x))
            *blocks, norm, _ = student.stages[2]
            ours.append(norm(torch.nn.Sequential(*blocks)(x)))
        else:
            stages = student.forward_stages(images)[0]
            ours = [part(stage) for part, stage in zip(method.connectors, stages, strict=True)]
        theirs = teacher.forward_stages(images)[0]
        pairs = zip((0.25, 0.5, 1), map(array, ours), map(array, theirs), strict=True)
        expected = 0.003 * sum(weight * boundaries_by_hand(s, t, 1.0) for weight, s, t in pairs)
        assert terms["boundaries"].item() == pytest.approx(expected, rel=1e-4)


def test_boundaries_of_maps_of_another_size():
    """2x2 maps of the student are repeated to the teacher's 4x4."""
    method, batch = ab(UNEQUAL), both(UNEQUAL)
    grown = array(batch.student.stages[1]).repeat(2, axis=2).repeat(2, axis=3)
    expected = boundaries_by_hand(conv_bn(grown, method.connectors[1]), array(batch.teacher.stages[1]), 1.0)
    first = conv_bn(array(batch.student.stages[0]), method.connectors[0])
    expected += 0.5 * boundaries_by_hand(first, array(batch.teacher.stages[0]), 1.0)
    assert method.losses(batch)["boundaries"].item() == pytest.approx(0.003 * expected, rel=1e-9)


def test_after_its_preliminary_epochs_ab_is_kd():
    method, batch = ab(temperature=3.0, ce_weight=0.2, kd_weight=0.7), both(preliminary=False)
    terms = method.losses(batch)
    student, teacher = array(batch.student.logits), array(batch.teacher.logits)
    assert terms["ce"].item() == pytest.approx(0.2 * cross_entropy(student, LABELS.numpy()), rel=1e-12)
    assert terms["kd"].item() == pytest.approx(0.7 * divergence(teacher, student, 3.0), rel=1e-12)
    assert set(terms) == {"ce", "kd"}
    sum(terms.values()).backward()
    assert all(parameter.grad is None for parameter in method.parameters())


def test_boundaries_teach_the_stages_and_not_the_classifier():
    method, batch = ab(), both()
    method.losses(batch)["boundaries"].backward()
    assert all(stage.grad.count_nonzero() for stage in batch.student.stages)
    assert batch.student.logits.grad is None
    assert all(parameter.grad.count_nonzero() for parameter in method.parameters())


def ft(shapes=SMALL, **options):
    return prepared("ft", {"init_epochs": 2, **options}, shapes)


def chain(x, layers, transposed=False):
    for layer in layers[::2]:
        x = transpose(x, layer) if transposed else convolve(x, layer)
        x = np.where(x > 0, x, 0.1 * x)
    return x


def transpose(x, layer):
    """A transposed 3x3 convolution: every entry adds its multiple of the kernel, and the border is cut."""
    weight = array(layer.weight)
    out = np.zeros((len(x), weight.shape[1], x.shape[2] + 2, x.shape[3] + 2))
    for row, column in itertools.product(range(x.shape[2]), range(x.shape[3])):
        spread = np.einsum("bc,coij->boij", x[:, :, row, column], weight)
        out[:, :, row : row + 3, column : column + 3] += spread
    return out[:, :, 1:-1, 1:-1] + array(layer.bias)[:, None, None]


def factors_by_hand(student, teacher):
    total = 0.0
    for s, t in zip(student, teacher, strict=True):
        lengths = [math.sqrt(sum(value**2 for value in factor.ravel())) for factor in (s, t)]
        for a, b in zip(s.ravel(), t.ravel(), strict=True):
            total += abs(a / lengths[0] - b / lengths[1])
    return total / student.size


def test_factors_of_two_numbers():
    """(3, 4) and (0, 2) are (0.6, 0.8) and (0, 1): the mean of 0.6 and 0.2."""
    loss = factor_loss(torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, 2.0]]))
    assert loss.item() == pytest.approx(0.4)


def test_the_length_of_a_factor_does_not_matter():
    student, teacher = torch.randn(2, 4, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    assert factor_loss(student, teacher).item() == pytest.approx(factor_loss(7 * student, teacher).item())
    assert factor_loss(teacher, 5 * teacher).item() == pytest.approx(0, abs=1e-6)
    zeros = torch.zeros_like(student).requires_grad_()
    factor_loss(zeros, teacher).backward()
    assert zeros.grad.isfinite().all()


def test_transfer_is_that_of_the_paper():
    method, batch = ft(weight=7.0), both(preliminary=False)
    factor = chain(array(batch.teacher.stages[-1]), method.encoder)
    translated = chain(array(batch.student.stages[-1]), method.translator)
    assert factor.shape == translated.shape == (4, 4, 2, 2)  # half of the teacher's 8 channels
    terms = method.losses(batch)
    assert terms["ft"].item() == pytest.approx(7 * factors_by_hand(translated, factor), rel=1e-9)
    assert terms["ce"].item() == pytest.approx(
        cross_entropy(array(batch.student.logits), LABELS.numpy()), rel=1e-12
    )


def test_a_larger_factor_is_averaged_down():
    method, batch = ft(UNEQUAL), both(UNEQUAL, preliminary=False)
    factor = pool(chain(array(batch.teacher.stages[-1]), method.encoder), 2)
    translated = chain(array(batch.student.stages[-1]), method.translator)
    expected = 500 * factors_by_hand(translated, factor)
    assert method.losses(batch)["ft"].item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("reconstruction", "power"), [("l1", 1), ("mse", 2)])
def test_reconstruction_is_the_mean_difference(reconstruction, power):
    method, batch = ft(reconstruction=reconstruction), both()
    maps = array(batch.teacher.stages[-1])
    rebuilt = chain(chain(maps, method.encoder), method.decoder, transposed=True)
    terms = method.losses(batch)
    assert set(terms) == {"reconstruction"}
    assert terms["reconstruction"].item() == pytest.approx((abs(rebuilt - maps) ** power).mean(), rel=1e-9)


@pytest.mark.parametrize(
    ("reconstruction", "lr", "diverges"), [("l1", 0.1, False), ("mse", 0.1, True), ("mse", 0.01, False)]
)
def test_the_paraphraser_learns_large_maps(reconstruction, lr, diverges):
    """Maps of a mean square of 5.3, as those of a trained resnet20, at the default recipe's rate."""
    maps = torch.randn(32, 64, 4, 4, generator=torch.Generator().manual_seed(0)).relu() * (2 * 5.3) ** 0.5
    torch.manual_seed(0)
    method = build_method("ft", {"reconstruction": reconstruction})
    method.prepare(Context(Shaped([(8, 4, 4)]), Shaped([(64, 4, 4)]), (1, 8, 8), 3, LABELS, 5))
    optimizer = torch.optim.SGD(method.parameters(), lr=lr, momentum=0.9, weight_decay=5e-4)
    logits = torch.zeros(32, 3)
    batch = batch_of(logits, (logits, (maps,)), preliminary=True)
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        loss = method.losses(batch)["reconstruction"]
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert (not math.isfinite(losses[-1])) == diverges
    if not diverges:
        assert losses[-1] < losses[0]


def test_in_its_preliminary_epochs_ft_never_asks_the_student():
    student, teacher = real_pair("cnn", "resnet8x4", 8)
    method = build_method("ft", {})
    method.prepare(Context(student, teacher, (3, 8, 8), 7, torch.arange(7), 2))
    asked = []
    batch = real_batch(
        student, teacher, torch.randn(4, 3, 8, 8), torch.arange(4), preliminary=True, asked=asked
    )
    method.losses(batch)["reconstruction"].backward()
    assert asked == ["teacher"]
    assert all(parameter.grad is None for parameter in student.parameters())
    learnt = {
        name.split(".")[0] for name, parameter in method.named_parameters() if parameter.grad is not None
    }
    assert learnt == {"encoder", "decoder"}


def test_after_them_the_paraphraser_stays_and_the_translator_learns():
    method, batch = ft(), both(preliminary=False)
    sum(method.losses(batch).values()).backward()
    learnt = {
        name.split(".")[0] for name, parameter in method.named_parameters() if parameter.grad is not None
    }
    assert learnt == {"translator"}
    assert batch.student.stages[-1].grad.count_nonzero() > 0
    assert batch.student.stages[0].grad is None


@pytest.mark.parametrize(("name", "preliminary"), [("ab", True), ("ab", False), ("ft", True), ("ft", False)])
def test_the_order_of_a_batch_does_not_matter(name, preliminary):
    method, order = prepared(name), torch.tensor([2, 0, 3, 1])
    whole = both(preliminary=preliminary)
    shuffled = batch_of(
        *[
            type(answer)(answer.logits[order], tuple(stage[order] for stage in answer.stages))
            for answer in (whole.student, whole.teacher)
        ],
        LABELS[order],
        preliminary=preliminary,
    )
    first, second = method.losses(whole), method.losses(shuffled)
    assert {name: value.item() for name, value in first.items()} == pytest.approx(
        {name: value.item() for name, value in second.items()}, rel=1e-10
    )
