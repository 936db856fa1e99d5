"""Methods that compare features, on pairs of real networks of different depths, widths and shapes."""

import copy
from functools import cache

import numpy as np
import pytest
import torch
from parts import Shaped
from tiers import sample

from kd.data.augmentation import Augmentation
from kd.data.views import Split, ViewedImages
from kd.distillation.base import Context
from kd.distillation.batch import Batch, Output
from kd.distillation.combined import build_method
from kd.networks.factory import build_network
from kd.settings.recipe import Recipe
from kd.teachers.teacher import LiveTeacher
from kd.training.engine import fit

pytestmark = pytest.mark.usefixtures("one_thread")
NAMES = ["at", "cc", "fitnet", "fsp", "kdsvd", "nst", "pkt", "rkd", "sp", "vid"]
TWO_STAGES = ["fitnet", "fsp"]
NETWORKS = {
    "cnn": {"channels": (8, 16, 32, 64)},
    "resnet18": {"width": 0.125},
    "vgg16": {"width": 0.125},
    "mobilenet": {"width": 0.25},
    "shufflenetv2": {},
    "densenet": {"growth": 4},
    "googlenet": {"width": 0.125},
}
PAIRS = [(student, teacher) for student in NETWORKS for teacher in NETWORKS if student != teacher]
SOME = [  # in the quick suite, and at 32 pixels, where a network takes its time
    ("cnn", "vgg16"),
    ("vgg16", "mobilenet"),
    ("mobilenet", "resnet18"),
    ("shufflenetv2", "densenet"),
    ("densenet", "googlenet"),
    ("googlenet", "resnet18"),
]
BATCH = 4


@cache
def network(architecture):
    torch.manual_seed(0)
    return build_network(architecture, NETWORKS[architecture], 3, 10)


@cache
def images(size):
    return torch.randn(BATCH, 3, size, size, generator=torch.Generator().manual_seed(1))


@cache
def teacher_answer(architecture, size):
    """Normalised by the statistics of these images, as a trained one is by those of its own."""
    with torch.no_grad():
        stages, logits = network(architecture).train().forward_stages(images(size))
    return Output(logits, tuple(stages))


@cache
def context(student, teacher, size):
    known = (3, size, size), 10, torch.arange(BATCH), 10
    return Context(network(student), network(teacher), *known)


def batch_of_networks(student, teacher, size, preliminary=False, own=None):
    def ask(shown):
        if own:
            return own
        stages, logits = network(student).train().forward_stages(shown)
        return Output(logits, tuple(stages))

    return Batch(
        images(size),
        torch.arange(BATCH),
        torch.arange(BATCH),
        torch.zeros(()),
        preliminary,
        ask,
        lambda shown, indices: teacher_answer(teacher, size),
    )


def learns(name, student, teacher, size, own):
    """Its loss without the cross-entropy, finite; and so are gradients of the answer `own`, and all its own."""
    torch.manual_seed(0)
    # The stem is listened to, and what these networks put out is shared by all methods.
    method = build_method(name, {"stem": False} if name == "fsp" else {})
    method.prepare(context(student, teacher, size))
    method.train()
    batch = batch_of_networks(student, teacher, size, preliminary=name in TWO_STAGES, own=own)
    terms = method.losses(batch)
    assert all(torch.isfinite(term) for term in terms.values()), name
    loss = torch.stack([term for key, term in terms.items() if key != "ce"]).sum()
    names, parameters = (
        zip(*method.named_parameters(), strict=True) if list(method.parameters()) else ((), ())
    )
    answers = (*own.stages, own.logits)
    gradients = torch.autograd.grad(loss, [*answers, *parameters], retain_graph=True, allow_unused=True)
    of_answers = [gradient for gradient in gradients[: len(answers)] if gradient is not None]
    assert any(bool(gradient.any()) for gradient in of_answers), name
    assert all(bool(torch.isfinite(gradient).all()) for gradient in of_answers), name
    for key, gradient in zip(names, gradients[len(answers) :], strict=True):
        assert gradient is not None, (name, key)
        assert bool(gradient.any()), (name, key)
        assert torch.isfinite(gradient).all(), (name, key)
    return loss


def all_learn(student, teacher, size):
    """One step backwards through the student, for all methods at once: what is before it was looked at."""
    stages, logits = network(student).train().forward_stages(images(size))
    own = Output(logits, tuple(stages))
    losses = [learns(name, student, teacher, size, own) for name in NAMES]
    network(student).zero_grad()
    network(teacher).zero_grad()
    sum(losses).backward()
    gradients = [p.grad for p in network(student).parameters() if p.grad is not None]
    assert any(bool(gradient.any()) for gradient in gradients)
    assert all(bool(torch.isfinite(gradient).all()) for gradient in gradients)
    assert all(parameter.grad is None for parameter in network(teacher).parameters())


@pytest.mark.parametrize(
    ("student", "teacher"),
    sample(PAIRS, SOME),
)
def test_any_two_networks_fit_at_8_pixels(student, teacher):
    all_learn(student, teacher, 8)


@pytest.mark.full
@pytest.mark.parametrize(("student", "teacher"), SOME)
def test_networks_fit_at_32_pixels(student, teacher):
    all_learn(student, teacher, 32)


@pytest.mark.parametrize("name", TWO_STAGES)
def test_the_first_stage_trains_what_it_reaches_and_nothing_above(name):
    """The classifier gets no gradient, so not even its weights decay."""
    method = build_method(name, {})
    method.prepare(context("resnet18", "vgg16", 8))
    student = network("resnet18")
    student.zero_grad()
    sum(method.losses(batch_of_networks("resnet18", "vgg16", 8, True)).values()).backward()
    assert all(parameter.grad is None for parameter in student.classifier.parameters())
    reached = [any(p.grad is not None for p in stage.parameters()) for stage in student.stages]
    assert reached == ([True, True, True, False] if name == "fitnet" else [True] * 4)
    student.zero_grad()
    method.zero_grad()
    sum(method.losses(batch_of_networks("resnet18", "vgg16", 8)).values()).backward()
    assert all(parameter.grad is not None for parameter in student.parameters())
    assert all(parameter.grad is None for parameter in method.parameters())


@cache
def without_values(architecture):
    """What a network makes of four images on the meta device; and one of nothing but these shapes."""
    with torch.device("meta"):
        network = build_network(architecture, NETWORKS[architecture], 3, 10)
        stages, logits = network.forward_stages(torch.zeros(4, 3, 32, 32))
        made = [tensor.detach() for tensor in (logits, *stages)]
        return made, Shaped([maps.shape[1:] for maps in stages], classes=10)


@pytest.mark.parametrize("name", sample(NAMES, ("at", "fitnet", "fsp")))
def test_nothing_is_read_back_to_the_host(name):
    """Tensors of the meta device have no values to read, so whoever asks for one fails."""
    (made, student), (taught, teacher) = without_values("resnet18"), without_values("vgg16")
    with torch.device("meta"):
        # Whether the hint is ever negative would be read back, once, ahead of the training.
        method = build_method(name, {"regressor_relu": "always"} if name == "fitnet" else {})
        method.prepare(Context(student, teacher, (3, 32, 32), 10, torch.zeros(4), 10))
        for preliminary in (False, True):
            shown, labels = torch.zeros(4, 3, 32, 32), torch.zeros(4, dtype=torch.int64)
            own = [tensor.clone().requires_grad_() for tensor in made]
            asked = (
                lambda images, own=own: Output(own[0], tuple(own[1:])),
                lambda images, indices: Output(taught[0], tuple(taught[1:])),
            )
            terms = method.losses(Batch(shown, labels, labels, torch.zeros(()), preliminary, *asked))
            torch.stack(list(terms.values())).sum().backward()
            assert all(term.is_meta and term.shape == () for term in terms.values())
            assert any(tensor.grad is not None for tensor in own)


def split(samples, seed=0):
    random = np.random.default_rng(seed)
    labels = torch.from_numpy(random.integers(0, 3, samples))
    pixels = random.integers(0, 128, (samples, 8, 8, 1)) + 40 * labels.numpy()[:, None, None, None]
    return Split(
        ViewedImages(torch.from_numpy(pixels.astype(np.uint8)), Augmentation(1, True), (0.5,), (0.3,)), labels
    )


@pytest.mark.parametrize("name", sample(NAMES, ("cc", "fitnet", "vid")))
def test_training_goes_through_its_epochs_and_the_last_short_batch(name):
    """50 samples in batches of 16: the last has 2. The loss that is taught falls."""
    torch.manual_seed(0)
    student = build_network("cnn", {"channels": (8, 16)}, 1, 3)
    teacher = build_network("cnn", {"channels": (16, 16, 32)}, 1, 3)
    method = build_method(name, {"init_epochs": 3} if name in TWO_STAGES else {})
    recipe = Recipe(epochs=2 if name in TWO_STAGES else 4, batch_size=16, lr=0.02)
    fit(teacher, build_method("cross_entropy", {}), split(50), split(10, 1), recipe, seed=1)
    frozen = copy.deepcopy(teacher.state_dict())
    method.prepare(Context(student, teacher, (1, 8, 8), 3, split(50).labels, recipe.epochs))
    options = {"seed": 5, "teacher": LiveTeacher(teacher, stages=True)}
    history = fit(student, method, split(50), split(10, 1), recipe, **options).history
    taught = [
        sum(
            value
            for key, value in row.items()
            if key.startswith("loss_") and key not in ("loss_ce", "loss_kd")
        )
        for row in history[: 3 if name in TWO_STAGES else None]
    ]
    assert len(history) == recipe.epochs + method.preliminary
    assert taught[-1] < taught[0]
    assert all(torch.equal(frozen[key], tensor) for key, tensor in teacher.state_dict().items())
