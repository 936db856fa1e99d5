"""Feature maps that are sent through the later layers of the other network."""

import copy

import pytest
import torch
from parts import real_batch, real_pair
from torch.nn import functional

from kd.distillation.base import Context
from kd.distillation.combined import build_method
from kd.errors import UserError
from kd.methods.fcfd import Bridge, without_statistics
from kd.networks.factory import build_network

pytestmark = pytest.mark.usefixtures("one_thread")
LABELS = torch.arange(4)


def prepared(student="cnn", teacher="resnet8x4", **options):
    """Both in float64, whose stages have three resolutions in common."""
    pair = real_pair(student, teacher, 8)
    torch.manual_seed(0)
    method = build_method("fcfd", options)
    method.prepare(Context(*pair, (3, 8, 8), 7, LABELS, 3))
    for network in (*pair, method):
        network.double()
    return *pair, method.train()


def images():
    return torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def kl(student, teacher, temperature):
    p = (teacher / temperature).softmax(1)
    return temperature**2 * (p * (p.log() - (student / temperature).log_softmax(1))).sum(1).mean()


def through(network, number, maps):
    """Every later stage's maps by number, and the logits, one layer after the other."""
    made = {}
    for later in range(number + 1, len(network.stages)):
        maps = made[later] = network.stages[later](maps)
    return made, network.classifier(maps.mean(dim=(2, 3)))


def by_hand(student, teacher, method, shown, temperature):
    """How maps look on the way of each network, and what the mixed paths end in."""
    stages, logits = student.forward_stages(shown)
    expected, target = teacher.forward_stages(shown)
    last = len(expected) - 1
    bridged = {t: method.bridges[i].layers(stages[s]) for i, (s, t) in enumerate(method.pairs)}

    def gap(number, maps):
        loss = ((maps - expected[number]) ** 2).mean()
        if number == last:
            loss = loss + ((maps.mean((2, 3)) - expected[number].mean((2, 3))) ** 2).mean()
        return loss

    plain = sum(gap(number, maps) for number, maps in bridged.items())
    mixed = soft = 0.0
    for i, (s, t) in enumerate(method.pairs[:-1]):
        made, answer = through(teacher, t, bridged[t])
        mixed = mixed + sum(gap(number, maps) for number, maps in made.items() if number in bridged)
        soft = soft + kl(answer, target, temperature)
        _, answer = through(student, s, method.back[i].layers(expected[t]))
        soft = soft + kl(answer, target, temperature)
    count = len(method.pairs) - 1
    return {
        "ce": functional.cross_entropy(logits, LABELS),
        "kd": kl(logits, target, temperature),
        "appearance": plain + mixed / count,
        "mixed": soft / count,
    }


def test_every_term_is_the_papers():
    """Of three pairs there are four mixed paths, of which two count in the mean."""
    options = {"weight": 3.0, "kd_weight": 2.0, "mixed_weight": 0.5, "temperature": 2.0, "warm_up": 4.0}
    student, teacher, method = prepared(**options)
    assert len(method.pairs) == 3
    shown = images()
    expected = by_hand(copy.deepcopy(student), teacher, method, shown, 2.0)
    terms = method.losses(real_batch(student, teacher, shown, LABELS))
    weights = {"ce": 1, "kd": 2, "appearance": 3 / 4, "mixed": 0.5}  # in the first of four epochs
    for name, weight in weights.items():
        assert terms[name].item() == pytest.approx(weight * expected[name].item(), rel=1e-5), name


def test_norms_of_the_student_remember_nothing_of_mixed_paths():
    student, teacher, method = prepared()
    plain, shown = copy.deepcopy(student), images()
    plain(shown)
    method.losses(real_batch(student, teacher, shown, LABELS))
    for name, buffer in plain.named_buffers():
        if not name.endswith("num_batches_tracked"):
            assert torch.equal(buffer, dict(student.named_buffers())[name]), name
    momenta = {module.momentum for module in student.modules() if hasattr(module, "momentum")}
    assert momenta == {0.1}


def test_an_error_inside_leaves_the_norms_as_they_were():
    norm = torch.nn.BatchNorm2d(2, momentum=0.3)
    with pytest.raises(RuntimeError), without_statistics(norm):
        raise RuntimeError
    assert norm.momentum == 0.3


def test_gradients_go_through_the_teacher_and_not_to_it():
    student, teacher, method = prepared()
    terms = method.losses(real_batch(student, teacher, images(), LABELS))
    terms["mixed"].backward()
    assert all(parameter.grad is None for parameter in teacher.parameters())
    assert next(student.stages[0].parameters()).grad.any()  # the student's maps in the teacher
    assert student.classifier.weight.grad.any()  # the teacher's in the student
    assert not any(name.startswith("networks") for name in method.state_dict())


def test_a_bridge_brings_maps_to_the_size_of_the_other():
    bridge = Bridge((3, 4, 4), (5, 2, 2))
    assert bridge(torch.randn(2, 3, 4, 4)).shape == (2, 5, 2, 2)
    assert Bridge((3, 2, 2), (5, 4, 4))(torch.randn(2, 3, 2, 2)).shape == (2, 5, 4, 4)


@pytest.mark.parametrize(("student", "teacher", "whose"), [(0, 1, "teacher"), (1, 0, "student")])
def test_a_network_of_a_library_cannot_be_entered(student, teacher, whose):
    with torch.device("meta"):
        borrowed = build_network("torchvision/resnet18", {"stem": "cifar"}, 3, 7)
        pair = build_network("resnet18", {}, 3, 7), borrowed
        with pytest.raises(UserError, match=rf"those of the {whose}, a network of a library, cannot be ent"):
            build_method("fcfd", {}).prepare(Context(pair[student], pair[teacher], (3, 32, 32), 7, None, 3))


@pytest.mark.parametrize("name", ["cnn", "vgg16", "densenet", "wrn_16_1", "preact_resnet18", "mobilenetv2"])
def test_a_network_entered_after_a_stage_ends_as_it_does_by_itself(name):
    torch.manual_seed(0)
    network = build_network(name, {"width": 0.125}, 3, 7).eval()
    stages, logits = network.forward_stages(torch.randn(2, 3, 32, 32))
    for number, maps in enumerate(stages):
        later, same = network.forward_after(number, maps)
        assert torch.equal(same, logits)
        assert len(later) == len(stages) - number - 1
        assert all(torch.equal(*pair) for pair in zip(later, stages[number + 1 :], strict=True))
