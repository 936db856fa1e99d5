"""Methods with modules beside or inside the student: its review, a classifier of the teacher's, a peer, heads."""

import copy

import numpy as np
import pytest
import torch
from batches import batch_of
from layers_by_hand import (
    affine,
    array,
    batch_norm,
    conv_bn,
    convolve,
    cross_entropy,
    divergence,
    pool,
    relu,
    repeat,
)
from parts import LABELS, SMALL, Shaped, context_of, prepared, random_outputs, real_batch, real_pair

from kd.distillation.base import Context
from kd.distillation.combined import build_method
from kd.errors import UserError
from kd.methods.byot import hint_loss
from kd.methods.reviewkd import context_loss
from kd.methods.simkd import feature_loss
from kd.methods.srrl import srrl_losses


def both(shapes=SMALL, **more):
    return batch_of(*random_outputs(shapes), LABELS, **more)


def context_by_hand(student, teacher):
    loss, total, weight = ((student - teacher) ** 2).mean(), 1.0, 1.0
    for side in (4, 2, 1):
        if side < student.shape[2]:
            weight /= 2
            loss += weight * ((pool(student, side) - pool(teacher, side)) ** 2).mean()
            total += weight
    return loss / total


def fused_by_hand(fusion, stage, deeper, size):
    x = conv_bn(stage, fusion.enter)
    if deeper is not None:
        y = repeat(deeper, x.shape[2])
        attention = 1 / (1 + np.exp(-convolve(np.concatenate([x, y], axis=1), fusion.attend[0])))
        x = x * attention[:, :1] + y * attention[:, 1:]
    x = x if x.shape[2] == size else pool_or_repeat(x, size)
    return conv_bn(x, fusion.leave), x


def pool_or_repeat(x, size):
    """Nearest neighbours: the first of those that fall together."""
    return repeat(x, size) if size > x.shape[2] else x[:, :, :: x.shape[2] // size, :: x.shape[3] // size]


def test_context_of_two_by_two_maps():
    """Differences 1, 1, 1 and −3: mean square 3, and 0 for the mean; weights 1 and a half."""
    student = torch.tensor([1.0, 1, 1, -3]).view(1, 1, 2, 2)
    assert context_loss(student, torch.zeros(1, 1, 2, 2)).item() == pytest.approx(3 / 1.5)


@pytest.mark.parametrize("side", [1, 2, 4, 8])
def test_context_is_pooled_at_every_smaller_level(side):
    student, teacher = torch.randn(2, 3, 5, side, side, dtype=torch.float64)
    expected = context_by_hand(student.numpy(), teacher.numpy())
    assert context_loss(student, teacher).item() == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(
    "shapes", [SMALL, ([(3, 8, 8), (5, 2, 2)], [(6, 8, 8), (4, 4, 4)]), ([(3, 4, 4)], [(6, 2, 2)])]
)
@pytest.mark.parametrize(("epoch", "grown"), [(0, 0.05), (9, 0.5), (19, 1), (150, 1)])
def test_review_fuses_from_deep_to_shallow(shapes, epoch, grown):
    """Pooled features first; then the common stages, the last one with whatever size it has."""
    method, batch = prepared("reviewkd", {"weight": 3.0}, shapes), both(shapes, epoch=epoch)
    student, teacher = (
        [array(stage) for stage in answer.stages] for answer in (batch.student, batch.teacher)
    )
    levels = [(pool(student[-1], 1), pool(teacher[-1], 1))]
    levels += [(student[i], teacher[i]) for i in reversed(range(len(shapes[0])))]
    expected, deeper = 0.0, None
    for fusion, (stage, target) in zip(method.fusions, levels, strict=True):
        compared, deeper = fused_by_hand(fusion, stage, deeper, target.shape[2])
        expected += context_by_hand(compared, target)
    terms = method.losses(batch)
    assert terms["review"].item() == pytest.approx(3 * grown * expected, rel=1e-6)
    assert terms["ce"].item() == pytest.approx(
        cross_entropy(array(batch.student.logits), LABELS.numpy()), rel=1e-12
    )


@pytest.mark.parametrize("before_relu", [True, False])
def test_the_teachers_maps_are_those_before_its_relus_and_the_pooled_ones_are_not(before_relu):
    student, teacher = real_pair("cnn", "resnet8", 8)
    images, method = torch.randn(4, 3, 8, 8), build_method("reviewkd", {"before_relu": before_relu})
    method.prepare(Context(student, teacher, (3, 8, 8), 7, LABELS, 5))
    batch = real_batch(student, teacher, images, LABELS)
    terms = method.losses(batch)
    own, x, sums = [array(stage) for stage in batch.student.stages], images, []
    for stage in teacher.stages:  # one block each; that of the first comes after the stem
        *stem, last = stage
        *stem, block = (*stem, *last) if stem else [last]
        x = torch.nn.Sequential(*stem)(x)
        sums.append(block.residual(x) + block.shortcut(x))
        x = sums[-1].relu()
    targets = [array(maps if before_relu else maps.relu()) for maps in sums]
    levels = [(own[-1].mean(axis=(2, 3), keepdims=True), array(x).mean(axis=(2, 3), keepdims=True))]
    levels += [(own[one], targets[other]) for one, other in method.pairs]
    expected, deeper = 0.0, None
    for fusion, (stage, target) in zip(method.fusions, levels, strict=True):
        compared, deeper = fused_by_hand(fusion, stage, deeper, target.shape[2])
        expected += context_by_hand(compared, target)
    assert terms["review"].item() == pytest.approx(expected / 20, rel=1e-3)


def test_shallow_stages_of_the_teacher_teach_the_deep_ones_of_the_student():
    """What the method is for: the comparison with the first stage alone reaches the student's last."""
    method, batch = prepared("reviewkd"), both()
    maps = method._review([batch.student.stages[-1].mean((2, 3), keepdim=True), *batch.student.stages[::-1]])
    context_loss(maps[-1], batch.teacher.stages[0]).backward()
    assert batch.student.stages[-1].grad.count_nonzero() > 0


def test_regression_of_two_features():
    """Feature differences 1 and 2: mean square 2.5. Answers differ by 3 in one of three classes: 3."""
    features = torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0, 0.0]])
    answer = torch.tensor([[0.0, 3.0, 0.0]]), torch.zeros(1, 3)
    assert [value.item() for value in srrl_losses(*features, *answer)] == pytest.approx([2.5, 3.0])


def test_regression_asks_the_classifier_of_the_teacher():
    teacher = Shaped(SMALL[1])
    options = {"feature_weight": 2.0, "regression_weight": 0.5}
    method, batch = prepared("srrl", options, teacher=teacher), both()
    fitted = relu(conv_bn(array(batch.student.stages[-1]), method.connector[0])).mean(axis=(2, 3))
    target = array(batch.teacher.stages[-1]).mean(axis=(2, 3))
    answer = affine(fitted, teacher.classifier)
    terms = method.losses(batch)
    assert terms["features"].item() == pytest.approx(2 * ((fitted - target) ** 2).mean(), rel=1e-9)
    regression = 0.5 * ((answer - array(batch.teacher.logits)) ** 2).mean()
    assert terms["regression"].item() == pytest.approx(regression, rel=1e-6)
    before = copy.deepcopy(method.classifier.state_dict())
    sum(terms.values()).backward()
    assert all(parameter.grad is None for parameter in method.classifier.parameters())
    assert all(parameter.grad is not None for parameter in method.connector.parameters())
    assert not any(parameter.requires_grad for parameter in method.classifier.parameters())
    assert method.classifier is not teacher.classifier
    assert all(torch.equal(value, before[name]) for name, value in method.classifier.state_dict().items())


def test_teacher_maps_are_pooled_to_the_size_of_the_projection():
    """Means 2 and 3 of each pair of columns; the student has 2 and 5: squares 0 and 4."""
    teacher = torch.tensor([[1.0, 3, 2, 4], [1, 3, 2, 4]]).view(1, 1, 2, 4)
    assert feature_loss(torch.tensor([2.0, 5]).view(1, 1, 1, 2), teacher).item() == pytest.approx(2.0)


@pytest.mark.parametrize(("of_student", "of_teacher"), [(4, 4), (4, 2), (2, 4)])
def test_the_student_becomes_its_stages_a_projector_and_the_teachers_classifier(of_student, of_teacher):
    torch.manual_seed(0)
    shapes = (6, of_student, of_student), (8, of_teacher, of_teacher)
    student, teacher = Shaped([shapes[0]]), Shaped([shapes[1]])
    student.stages.append(torch.nn.Identity())
    method = build_method("simkd", {"weight": 3.0, "factor": 4})
    method.prepare(Context(student, teacher, (1, 8, 8), 3, LABELS, 5))
    *pooling, enter, norm1, _, middle, norm2, _, leave, norm3, _ = student.stages[-1].double().train()
    assert len(pooling) == (of_student > of_teacher)
    assert enter.weight.shape[0] == 2  # the teacher's 8 channels over the factor
    maps = torch.rand(4, *shapes[0], dtype=torch.float64)
    target = torch.rand(4, *shapes[1], dtype=torch.float64)
    side = min(of_student, of_teacher)
    x = pool(maps.numpy(), side)
    for convolution, norming in ((enter, norm1), (middle, norm2), (leave, norm3)):
        x = relu(batch_norm(convolve(x, convolution), norming))
    expected = 3 * ((x - pool(target.numpy(), side)) ** 2).mean()
    logits = torch.zeros(4, 3)
    terms = method.losses(batch_of((logits, (maps, student.stages[-1](maps))), (logits, (target,))))
    assert {name: value.item() for name, value in terms.items()} == pytest.approx({"features": expected})
    for name, weight in teacher.classifier.state_dict().items():
        assert torch.equal(student.classifier.state_dict()[name], weight)
    assert not any(parameter.requires_grad for parameter in student.classifier.parameters())
    assert student.classifier is not teacher.classifier


def test_a_student_with_the_teachers_maps_answers_as_the_teacher():
    student, teacher = real_pair("cnn", "resnet8x4", 8)
    build_method("simkd", {}).prepare(Context(student, teacher, (3, 8, 8), 7, LABELS, 5))
    student.stages = torch.nn.ModuleList(teacher.stages)
    images = torch.randn(4, 3, 8, 8)
    assert torch.equal(student.eval()(images), teacher(images))


def test_all_of_the_student_but_the_classifier_learns():
    student, teacher = real_pair("cnn", "resnet8x4", 8)
    method = build_method("simkd", {})
    method.prepare(Context(student, teacher, (3, 8, 8), 7, LABELS, 5))
    sum(method.losses(real_batch(student, teacher, torch.randn(4, 3, 8, 8), LABELS)).values()).backward()
    without = {name for name, parameter in student.named_parameters() if parameter.grad is None}
    assert without == {"classifier.weight", "classifier.bias"}
    assert list(method.parameters()) == []


def peers():
    student, teacher = real_pair("cnn", "resnet8x4", 8)
    method = build_method("dml", {"weight": 0.5})
    method.prepare(context_of(student, teacher, 8, LABELS))
    return student, teacher, method


def test_peers_teach_each_other_and_neither_is_pulled_by_the_others_loss():
    student, _, method = peers()
    images = torch.randn(4, 3, 8, 8)
    student.double(), method.double()
    batch = real_batch(student, None, images.double(), LABELS)
    terms = method.losses(batch)
    ours, theirs, labels = array(batch.student.logits), array(method.peer(images.double())), LABELS.numpy()
    expected = {
        "ce": cross_entropy(ours, labels),
        "mutual": 0.5 * divergence(theirs, ours),
        "peer_ce": cross_entropy(theirs, labels),
        "peer_mutual": 0.5 * divergence(ours, theirs),
    }
    assert {name: value.item() for name, value in terms.items()} == pytest.approx(expected, rel=1e-6)
    (terms["ce"] + terms["mutual"]).backward(retain_graph=True)
    assert all(parameter.grad is None for parameter in method.parameters())
    assert all(parameter.grad is not None for parameter in student.parameters())
    before = [parameter.grad.clone() for parameter in student.parameters()]
    (terms["peer_ce"] + terms["peer_mutual"]).backward()
    assert all(parameter.grad is not None for parameter in method.parameters())
    after = [parameter.grad for parameter in student.parameters()]
    assert all(torch.equal(*pair) for pair in zip(before, after, strict=True))


def test_a_peer_is_a_network_made_anew_and_learns():
    student, teacher = real_pair("cnn", "resnet8x4", 8)
    made = real_pair("cnn", "resnet8x4", 8, seed=3)[0]
    method = build_method("dml", {})
    context = Context(student, teacher, (3, 8, 8), 7, LABELS, 5, new_teacher=lambda: made)
    method.prepare(context)
    assert method.peer is made
    assert [key for key, _ in method.named_parameters()] == [
        f"peer.{key}" for key, _ in made.named_parameters()
    ]


def test_hint_of_two_features():
    deepest = torch.tensor([[0.0, 0.0]], requires_grad=True)
    features = torch.tensor([[3.0, 4.0]], requires_grad=True)
    loss = hint_loss(features, deepest)
    loss.backward()
    assert loss.item() == 25
    assert features.grad.tolist() == [[6.0, 8.0]]
    assert deepest.grad is None


def test_heads_learn_from_the_labels_and_from_the_last_classifier():
    options = {"alpha": 0.25, "feature_weight": 0.1, "temperature": 2.0}
    method, batch = prepared("byot", options), both()
    batch = batch_of(batch.student, None, LABELS)
    logits, last = array(batch.student.logits), array(batch.student.stages[-1]).mean(axis=(2, 3))
    expected = {"ce": cross_entropy(logits, LABELS.numpy()), "heads": 0.0, "kd": 0.0, "features": 0.0}
    for head, stage in zip(method.heads, batch.student.stages[:2], strict=True):
        x = array(stage)
        for index in (0, 3, 6):
            x = relu(conv_bn(x, head.bottleneck[index : index + 2]))
        x = x.mean(axis=(2, 3))
        answer = affine(x, head.classifier)
        expected["heads"] += 0.75 * cross_entropy(answer, LABELS.numpy())
        expected["kd"] += 0.25 * divergence(logits, answer, 2.0)
        expected["features"] += 0.1 * ((x - last) ** 2).sum(axis=1).mean()
    terms = method.losses(batch)
    assert {name: value.item() for name, value in terms.items()} == pytest.approx(expected, rel=1e-9)
    assert [head.bottleneck[3].kernel_size for head in method.heads] == [(4, 4), (2, 2)]  # 8 and 4 to 2


def test_the_last_stage_and_classifier_are_taught_by_the_labels_alone():
    method, student = prepared("byot"), random_outputs()[0]
    terms = method.losses(batch_of(student, None, LABELS))
    (terms["heads"] + terms["kd"] + terms["features"]).backward(retain_graph=True)
    assert student.logits.grad is None
    assert student.stages[-1].grad is None
    assert all(stage.grad.count_nonzero() for stage in student.stages[:-1])
    terms["ce"].backward()
    assert student.logits.grad.count_nonzero() > 0


def test_a_student_of_one_stage_cannot_teach_itself():
    context = Context(Shaped(SMALL[0][:1]), None, (1, 8, 8), 3, LABELS, 5)
    with pytest.raises(
        UserError, match="byot needs a student with feature maps of two stages or more, and this one has one"
    ):
        build_method("byot", {}).prepare(context)


def test_byot_has_no_teacher():
    assert not {"logits", "stages", "network"} & set(build_method("byot", {}).NEEDS)
