"""Feature maps that are sent through the later layers of the other network."""

import copy

import pytest
import torch
from by_hand import differs, slopes_along
from parts import real_batch, real_pair
from token_networks import tiny
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
    """How maps look on the way of each network, and what the mixed paths end in: its parts, each unweighted."""
    stages, logits = student.forward_stages(shown)
    expected, target = teacher.forward_stages(shown)
    last = len(expected) - 1
    bridged = {t: method.bridges[i].layers(stages[s]) for i, (s, t) in enumerate(method.pairs)}

    def gap(number, maps):
        parts["pooled"] += (number == last) * (
            (maps.mean((2, 3)) - expected[number].mean((2, 3))) ** 2
        ).mean()
        return ((maps - expected[number]) ** 2).mean()

    parts = {"logits": logits, "target": target, "pooled": 0.0}
    parts["plain"] = sum(gap(number, maps) for number, maps in bridged.items())
    plainly_pooled, parts["pooled"] = parts["pooled"], 0.0
    parts |= {"mixed": 0.0, "to the teacher": 0.0, "to the student": 0.0, "answers": []}
    for i, (s, t) in enumerate(method.pairs[:-1]):
        made, answer = through(teacher, t, bridged[t])
        parts["mixed"] += sum(gap(number, maps) for number, maps in made.items() if number in bridged)
        parts["to the teacher"] += kl(answer, target, temperature)
        parts["answers"].append(answer)
        _, answer = through(student, s, method.back[i].layers(expected[t]))
        parts["to the student"] += kl(answer, target, temperature)
        parts["answers"].append(answer)
    parts["plainly pooled"] = plainly_pooled
    return parts


TEMPERATURE = 2.0
OPTIONS = {"weight": 3.0, "kd_weight": 2.0, "mixed_weight": 0.5, "temperature": TEMPERATURE, "warm_up": 4.0}


def terms_by_hand(parts, labels=LABELS):
    """In the first of four epochs of warm-up. Of three pairs there are four paths, of which two count."""
    looks = parts["plain"] + parts["plainly pooled"] + (parts["mixed"] + parts["pooled"]) / 2
    return {
        "ce": functional.cross_entropy(parts["logits"], labels),
        "kd": 2 * kl(parts["logits"], parts["target"], TEMPERATURE),
        "appearance": 3 / 4 * looks,
        "mixed": 0.5 * (parts["to the teacher"] + parts["to the student"]) / 2,
    }


def learnt(labels=LABELS, shown=None):
    student, teacher, method = prepared(**OPTIONS)
    assert len(method.pairs) == 3
    shown = images() if shown is None else shown
    plain = copy.deepcopy(student)
    terms = method.losses(real_batch(student, teacher, shown, labels))
    return student, teacher, method, terms, by_hand(plain, teacher, method, shown, TEMPERATURE)


def test_every_term_is_the_papers():
    *_, terms, parts = learnt()
    for name, right in terms_by_hand(parts).items():
        assert terms[name].item() == pytest.approx(right.item(), rel=1e-12), name


@pytest.mark.parametrize("term", ["appearance", "mixed"])
def test_the_gradient_of_weights(term):
    """Of the student and of bridges; through the layers of the teacher, which gets none."""
    student, teacher, method, terms, _ = learnt()
    terms[term].backward()
    # One of a kind: of the first and the last layer, of norms, and of bridges, or it would take seconds.
    learns = [*student.stages[0].parameters(), student.classifier.weight]
    learns += [*method.bridges[0].parameters(), *method.back[1].parameters()]

    def moved(arrays):
        with torch.no_grad():
            for weight, array in zip(learns, arrays, strict=True):
                weight.copy_(torch.tensor(array))
            return terms_by_hand(by_hand(student, teacher, method, images(), TEMPERATURE))[term].item()

    slopes_along(moved, learns, step=1e-6, rel=1e-4)
    assert all(weight.grad is None for weight in teacher.parameters())


def test_known_mistakes():
    student, teacher, method, terms, parts = learnt()
    looks = parts["plain"] + parts["plainly pooled"]
    acts = parts["to the teacher"], parts["to the student"]
    target, answers = parts["target"], parts["answers"]
    differs(terms["appearance"], {
        "no warm-up": terms["appearance"] * 4,
        "epochs from 0": terms["appearance"] * 0,
        "the plain path alone": 3 / 4 * looks,
        "the sum of all paths": 3 / 4 * (looks + parts["mixed"] + parts["pooled"]),
        "a mean of all paths": 3 / 4 * (looks + (parts["mixed"] + parts["pooled"]) / 4),
        "no pooled features": 3 / 4 * (parts["plain"] + parts["mixed"] / 2),
    })  # fmt: skip
    differs(terms["mixed"], {
        "the sum of all paths": 0.5 * sum(acts),
        "the mean of all paths": 0.5 * sum(acts) / 4,
        "into the teacher alone": 0.5 * acts[0] / 2,
        "into the student alone": 0.5 * acts[1] / 2,
        "no T²": 0.5 * sum(acts) / 2 / TEMPERATURE**2,
        "not softened": 0.5 * sum(kl(answer, target, 1.0) for answer in answers) / 2,
        "turned round": 0.5 * sum(kl(target, answer, TEMPERATURE) for answer in answers) / 2,
        "the student's own logits for the teacher's": (
            0.5 * sum(kl(answer, parts["logits"], TEMPERATURE) for answer in answers) / 2
        ),
    })  # fmt: skip
    still = by_hand(copy.deepcopy(student).eval(), teacher, method, images(), TEMPERATURE)
    differs(terms["mixed"], {"statistics that were learnt": terms_by_hand(still)["mixed"]})
    differs(terms["kd"], {"no T²": terms["kd"] / 4, "turned round": 2 * kl(target, parts["logits"], 2.0)})


def test_the_order_of_the_batch_does_not_matter():
    order = torch.tensor([2, 0, 3, 1])
    *_, terms, _ = learnt()
    *_, mixed, _ = learnt(LABELS[order], images()[order])
    *_, unpaired, _ = learnt(LABELS[order])
    for name, value in terms.items():
        assert mixed[name].item() == pytest.approx(value.item(), rel=1e-9), name
    assert unpaired["ce"].item() != pytest.approx(terms["ce"].item(), rel=1e-3)


def test_a_constant_added_to_the_logits_of_a_network_does_not_matter():
    student, teacher, method, terms, _ = learnt()
    for network, shift in ((student, 7), (teacher, -40)):
        network.classifier.bias.data += shift
    other = method.losses(real_batch(student, teacher, images(), LABELS))
    for name, value in terms.items():
        assert other[name].item() == pytest.approx(value.item(), rel=1e-9), name


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
def test_a_network_with_a_class_token_cannot_be_entered(student, teacher, whose):
    pair = build_network("cnn", {"width": 0.125}, 3, 7), tiny("vit")
    context = Context(pair[student], pair[teacher], (3, 16, 16), 7, None, 3)
    with pytest.raises(UserError, match=rf"through later stages of the {whose}, which take class tokens too"):
        build_method("fcfd", {}).prepare(context)


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
