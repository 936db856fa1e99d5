"""The overhaul of feature distillation, and the maps before the ReLUs that it looks at."""

import numpy as np
import pytest
import torch
from built import every_architecture
from parts import real_batch, real_pair
from torch import nn

from kd.distillation.base import Context
from kd.distillation.combined import build_method, build_methods
from kd.distillation.pre_relu import BeforeReLU, never_negative, stage_relus
from kd.methods.ofd import Margin, partial_distance
from kd.networks.factory import build_network
from kd.training.step import _Student

pytestmark = pytest.mark.usefixtures("one_thread")
RANDOM = np.random.default_rng(0)
STUDENT, TEACHER = RANDOM.normal(size=(2, 4, 3, 2, 2))
MARGIN = np.array([-0.5, -0.1, -2.0])

# Stages that end with a ReLU or whose maps a norm and a ReLU take, where it should not be two or more.
LEAST_HEARD = {
    "preact_resnet18": 3,
    "vgg16": 4,
    "wrn_16_1": 3,
    "wrn_16_2": 3,
    "wrn_40_1": 3,
    "wrn_40_2": 3,
    "mobilenetv2": 1,
    "mobilenetv2_half": 1,
    "preact_resnet34": 3,
    "preact_resnet50": 3,
    "efficientnet_b0": 0,
}


def distance_by_hand(student, teacher, margin):
    """Equations 1 and 2, a neuron at a time."""
    total = 0.0
    for place in np.ndindex(*student.shape):
        target = max(teacher[place], margin[place[1]])
        if not student[place] <= target <= 0:
            total += (student[place] - target) ** 2
    return total / len(student)


def tensors(*arrays):
    return [torch.tensor(array) for array in arrays]


def test_the_partial_distance_is_the_papers():
    value = partial_distance(*tensors(STUDENT, TEACHER, MARGIN)).item()
    assert value == pytest.approx(distance_by_hand(STUDENT, TEACHER, MARGIN), rel=1e-12)
    # Each known mistake gives another number: full L2, no margin, the margin of another channel, a mean.
    target = np.maximum(TEACHER, MARGIN[:, None, None])
    mistakes = [
        ((STUDENT - target) ** 2).sum() / 4,
        distance_by_hand(STUDENT, TEACHER, np.zeros(3)),
        distance_by_hand(STUDENT, TEACHER, MARGIN[::-1]),
        distance_by_hand(STUDENT, TEACHER, np.full(3, -np.inf)),
        value / 12,
    ]
    assert all(abs(mistake - value) > 1e-2 for mistake in mistakes)


def test_silent_neurons_below_their_target_are_left_alone():
    student = torch.tensor([[[[-3.0]], [[0.5]], [[-3.0]]]], requires_grad=True)
    teacher = torch.tensor([[[[-1.0]], [[-1.0]], [[2.0]]]])
    partial_distance(student, teacher, torch.full((3,), -0.7)).backward()
    assert student.grad.flatten().tolist() == pytest.approx([0, 2 * 1.2, 2 * -5.0])


def test_the_margin_is_the_mean_of_all_negative_responses():
    margin = Margin(3).double()
    batches = RANDOM.normal(size=(5, 4, 3, 2, 2)) - 0.3
    for batch in batches:
        margins = margin(torch.tensor(batch))
    for channel in range(3):
        seen = batches[:, :, channel]
        assert margins[channel].item() == pytest.approx(seen[seen < 0].mean(), rel=1e-12)
    assert Margin(1)(torch.ones(2, 1, 2, 2)).item() == 0


def test_deeper_stages_count_twice_as_much():
    student, teacher = real_pair("cnn", "cnn", 8)
    images, labels = torch.randn(4, 3, 8, 8), torch.arange(4)
    method = build_method("ofd", {})
    method.prepare(Context(student, teacher, (3, 8, 8), 7, labels, 3))
    assert len(method.pairs) == 4
    terms = method.losses(real_batch(student, teacher, images, labels))
    with torch.no_grad():  # run again: what was heard is gone once it was used
        stages = [network.forward_stages(images)[0] for network in (student, teacher)]
    before = [method.of_student(stages[0]), method.of_teacher(stages[1])]
    by_hand = 0.0
    for place, (one, other) in enumerate(method.pairs):
        fitted = method.connectors[place](before[0][one]).detach().numpy()
        target = before[1][other].numpy()
        mean = np.array([np.mean(t[t < 0]) if (t < 0).any() else 0 for t in target.swapaxes(0, 1)])
        by_hand += distance_by_hand(fitted, target, mean) / 2 ** (3 - place)
    assert terms["ofd"].item() == pytest.approx(0.001 * by_hand, rel=1e-4)
    assert build_method("ofd", {}).describe() == "CE + 0.001·OFD"
    assert build_method("ofd", {}).batch_statistics
    assert not build_method("ofd", {"teacher_mode": "eval"}).batch_statistics
    assert build_methods([("kd", {}), ("ofd", {})]).batch_statistics
    assert not build_methods([("kd", {}), ("at", {})]).batch_statistics


@pytest.mark.parametrize("name", every_architecture())
def test_what_is_heard_is_the_input_of_a_relu(name):
    """Its positive part is the stage's output; or it is what a norm makes of that; or else that itself."""
    torch.manual_seed(0)
    network = build_network(name, {"width": 0.125}, 3, 7)
    heard_count = heard_in(network)
    assert heard_count >= LEAST_HEARD.get(name, 2)


def heard_in(network, image=(3, 32, 32)):
    """Checks what is heard of each stage; returns of how many a ReLU was recognised."""
    images = torch.randn(4, *image)
    plain = [stage.clone() for stage in network.eval().forward_stages(images)[0]]
    relus = stage_relus(network, image)
    before = BeforeReLU(network, image)
    stages, _ = network.forward_stages(images)
    for stage, maps, old, relu in zip(stages, before(stages), plain, relus, strict=True):
        assert torch.equal(stage, old)
        if relu is None:
            assert torch.equal(maps, stage)
        elif not torch.equal(maps.relu(), stage):  # not negative if it is that of the stage
            norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
            assert any(normed(norm, stage, maps) for norm in norms)
        assert relu is None or (maps < 0).any()
    closed = [stage.min() >= 0 for stage in plain]
    assert never_negative(network, image) == closed
    return len(relus) - relus.count(None)


def normed(norm, stage, maps):
    if norm.num_features != stage.shape[1]:
        return False
    mean, variance, weight, bias = (
        part[:, None, None] for part in (norm.running_mean, norm.running_var, norm.weight, norm.bias)
    )
    expected = (stage - mean) / (variance + norm.eps).sqrt() * weight + bias
    return torch.allclose(maps, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "heard"),
    [
        ("torchvision/resnet18", 5),
        ("torchvision/regnet_y_400mf", 5),
        pytest.param("torchvision/resnet50", 5, marks=pytest.mark.full),
        pytest.param("timm/resnet18", 5, marks=pytest.mark.full),
        pytest.param("timm/regnetx_002", 5, marks=pytest.mark.full),
        pytest.param("timm/resnetv2_50", 4, marks=pytest.mark.full),
    ],
)
def test_relus_of_libraries_are_recognised_whatever_they_are_called(name, heard):
    package = name.partition("/")[0]
    pytest.importorskip(package)
    torch.manual_seed(0)
    network = build_network(name, {}, 3, 7)
    for (
        module
    ) in network.modules():  # timm begins the last norm of a block with 0, and then no sum is negative
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight)
    assert heard_in(network, (3, 64, 64)) == heard


def test_a_norm_that_is_listened_to_counts_a_batch_once():
    torch.manual_seed(0)
    network, images = build_network("wrn_16_1", {"width": 0.5}, 3, 7), torch.randn(4, 3, 8, 8)
    before = BeforeReLU(network, (3, 8, 8))
    norm = network.stages[1][0].activate[0]
    stages, _ = network.train().forward_stages(images)
    assert norm.num_batches_tracked == 1
    raw = stages[0]
    mean, variance = raw.mean((0, 2, 3), keepdim=True), raw.var((0, 2, 3), unbiased=False, keepdim=True)
    torch.testing.assert_close(before(stages)[0], (raw - mean) / (variance + norm.eps).sqrt())


def test_only_the_student_and_the_connectors_learn():
    student, teacher = real_pair("resnet8x4", "vgg16", 32)
    labels = torch.arange(4)
    method = build_method("ofd", {})
    method.prepare(Context(student, teacher, (3, 32, 32), 7, labels, 3))
    terms = method.losses(real_batch(student, teacher, torch.randn(4, 3, 32, 32), labels))
    (terms["ofd"] * 1000).backward()
    assert all(parameter.grad.isfinite().all() for parameter in method.connectors.parameters())
    assert any(parameter.grad.count_nonzero() for parameter in student.stages.parameters())
    assert all(parameter.grad is None for parameter in [*teacher.parameters(), *method.margins.parameters()])
    assert "margins.0.mean" in method.state_dict()  # so a resumed run goes on with them


def test_the_order_of_a_batch_is_of_no_account():
    order = [2, 0, 3, 1]
    one, other = tensors(STUDENT, TEACHER)
    margin = torch.tensor(MARGIN)
    assert torch.isclose(
        partial_distance(one, other, margin), partial_distance(one[order], other[order], margin), rtol=1e-12
    )


def test_a_block_that_uses_its_relu_twice_is_heard_the_last_time():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.relu = nn.ReLU(inplace=True)

        def forward(self, x):
            return self.relu(self.relu(x) - 1)

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.twice, self.classifier = Twice(), nn.Linear(1, 1)

        def forward_stages(self, x):
            return [self.twice(x)], None

    network = Network()
    before = BeforeReLU(network, (1, 1, 2))
    stages, _ = network.forward_stages(torch.tensor([0.25, 3.0]))
    assert stages[0].tolist() == [0, 2]
    assert before(stages)[0].tolist() == [-0.75, 2.0]
    assert not network.twice.relu.inplace


@pytest.mark.full
def test_a_compiled_network_is_heard_too():
    torch.manual_seed(0)
    network = build_network("resnet8x4", {"width": 0.125}, 3, 7).eval()
    before, images = BeforeReLU(network, (3, 8, 8)), torch.randn(2, 3, 8, 8)
    plain = [maps.detach() for maps in before(network.forward_stages(images)[0])]
    compiled = torch.compile(_Student(network, stages=True), backend="eager", fullgraph=True)
    for _ in range(2):
        _, stages, _ = compiled(images + 1)
        assert not torch.allclose(before(stages)[0], plain[0])
        compiled(images)
        for one, other in zip(before(stages), plain, strict=True):
            torch.testing.assert_close(one, other)
    before(stages)[0].sum().backward()  # and its gradients reach the network
    assert network.stages[0][0][0].weight.grad.count_nonzero() > 0
