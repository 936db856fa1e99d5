"""Two momenta, for the gradients of labels and of distillation: against the authors' update, written out."""

# ruff: noqa: F811 (fixtures of another file, which pytest asks for by name)

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from small_jobs import dataset, job, rows_of, run, teacher  # noqa: F401 (fixtures)
from small_training import StopsAfter, network, split
from torch import Tensor, nn

from kd.data.augmentation import Augmentation
from kd.data.views import Split, ViewedImages
from kd.distillation.base import Distillation
from kd.distillation.batch import Batch
from kd.distillation.combined import build_method
from kd.runtime.signals import Stopped, StopSignal
from kd.settings.recipe import Recipe
from kd.teachers.teacher import LiveTeacher
from kd.training.checkpoints import Checkpoints
from kd.training.engine import fit
from kd.training.optim.dot import TwoMomenta

pytestmark = pytest.mark.usefixtures("one_thread")
LR, DECAY, MOMENTUM, DELTA = 0.1, 0.01, 0.9, 0.075
RANDOM = np.random.default_rng(0)
CHANCE = 100 / 3


def test_against_the_update_by_hand():
    """Three steps of a weight that both losses see, one that only labels see, one that only distillation sees."""
    start = RANDOM.normal(size=3)
    ce, kd = RANDOM.normal(size=(2, 4, 3))  # gradients by step and weight
    weights = {
        name: nn.Parameter(torch.tensor([value]).double()) for name, value in zip("abc", start, strict=True)
    }
    rest = torch.optim.SGD(list(weights.values()), lr=LR, momentum=MOMENTUM, weight_decay=DECAY)
    momenta = TwoMomenta(rest, weights, momentum=MOMENTUM, difference=DELTA)
    momenta.set_lr(LR)
    w, v1, v2, v = start.copy(), 0.0, 0.0, np.zeros(3)
    for step in range(4):
        labels = {"a": ce[step, 0], "b": ce[step, 1], "c": None}
        distilled = {"a": kd[step, 0], "b": None, "c": kd[step, 2]}
        momenta.step(
            *(
                {n: g if g is None else torch.tensor([g]) for n, g in given.items()}
                for given in (labels, distilled)
            )
        )
        first = (1, 1) if step == 0 else (MOMENTUM - DELTA, MOMENTUM + DELTA)
        v1, v2 = first[0] * v1 + ce[step, 0] + DECAY * w[0], first[1] * v2 + kd[step, 0]
        v[1:] = MOMENTUM * v[1:] + np.array([ce[step, 1], kd[step, 2]]) + DECAY * w[1:]
        w -= LR * np.array([v1 + v2, v[1], v[2]])
        assert [p.item() for p in weights.values()] == pytest.approx(w, rel=1e-12), step


class Linear(nn.Module):
    """Logits that are a product of the pixels with weights in float64."""

    def __init__(self, seed):
        super().__init__()
        start = np.random.default_rng(seed).normal(size=(3, 64)) * 0.1
        self.weight = nn.Parameter(torch.tensor(start))

    def forward(self, images):
        return images.flatten(1).double() @ self.weight.T


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


PIXELS = RANDOM.integers(0, 256, (20, 8, 8, 1), dtype=np.uint8)
CLASSES = RANDOM.integers(0, 3, 20)
STEPS = 4  # each of one epoch, whose only batch has all images in some order


def weights_by_hand(*, of_labels=MOMENTUM - DELTA, of_teacher=MOMENTUM + DELTA, decays=(1, 0), apart=True):
    """KD (T = 4, weights 0.1 and 0.9) of a linear student, with the gradients of the formula, in float64."""
    images = (PIXELS.reshape(len(PIXELS), 64) / 255 - 0.5) / 0.3
    w, teacher = (Linear(seed).weight.detach().numpy() for seed in (0, 1))
    target, labels = softmax(images @ teacher.T / 4), np.eye(3)[CLASSES]
    first, second = 0.0, 0.0
    for _ in range(STEPS):
        logits = images @ w.T
        ce = 0.1 * (softmax(logits) - labels).T @ images / len(images)
        kd = 0.9 * 4 * (softmax(logits / 4) - target).T @ images / len(images)  # T² / T
        if not apart:
            ce, kd = (ce + kd) / 2, (ce + kd) / 2
        first = of_labels * first + ce + decays[0] * DECAY * w
        second = of_teacher * second + kd + decays[1] * DECAY * w
        w = w - LR * (first + second)
    return w


def test_a_training_of_both_losses_by_hand():
    """The engine's own steps: which gradient goes with which momentum, and where the decay is."""
    views = ViewedImages(torch.tensor(PIXELS), Augmentation(0, False), (0.5,), (0.3,))
    data = Split(views, torch.tensor(CLASSES))
    recipe = plain(epochs=STEPS, batch_size=20, lr=LR, weight_decay=DECAY, schedule="constant", dot=DELTA)
    student = Linear(0)
    fit(student, build_method("kd", {}), data, None, recipe, seed=5, teacher=LiveTeacher(Linear(1)))
    start, right = Linear(0).weight.detach().numpy(), weights_by_hand()
    moved = student.weight.detach().numpy() - start
    assert moved == pytest.approx(right - start, rel=1e-4, abs=1e-6)
    mistakes = {
        "the momenta exchanged": weights_by_hand(of_labels=MOMENTUM + DELTA, of_teacher=MOMENTUM - DELTA),
        "one momentum": weights_by_hand(of_labels=MOMENTUM, of_teacher=MOMENTUM),
        "decay of both": weights_by_hand(decays=(1, 1)),
        "decay with distillation": weights_by_hand(decays=(0, 1)),
        "no decay": weights_by_hand(decays=(0, 0)),
        "the sum of gradients in both": weights_by_hand(apart=False),
    }
    for name, wrong in mistakes.items():
        assert np.linalg.norm(moved - (wrong - start)) > 1e-3 * np.linalg.norm(right - start), name


@pytest.mark.full
@pytest.mark.parametrize(
    ("name", "options"), [("kd", {}), ("dkd", {"warmup": 2}), ("fitnet", {"init_epochs": 2})]
)
def test_a_student_learns_with_it_in_a_job(dataset, teacher, tmp_path, name, options):
    """The whole training script: of logits, of a warm-up, of feature maps with epochs before the recipe's."""
    recipe = Recipe(epochs=8, batch_size=16, lr=0.05, dot=DELTA)
    what = job("distilled", teacher="big", methods=[(name, options)], recipe=recipe)
    metrics = run(tmp_path, dataset, what, teacher_model=teacher[0] / "model.safetensors")
    assert metrics["test_accuracy"] > CHANCE + 25
    losses = [float(row["loss"]) for row in rows_of(tmp_path)]
    assert losses[-1] < losses[0]
    usual = job(
        "distilled", teacher="big", methods=[(name, options)], recipe=Recipe(epochs=8, batch_size=16, lr=0.05)
    )
    (tmp_path / "usual").mkdir()
    run(tmp_path / "usual", dataset, usual, teacher_model=teacher[0] / "model.safetensors")
    assert [float(row["loss"]) for row in rows_of(tmp_path / "usual")] != losses


RECIPE = Recipe(epochs=2, batch_size=8, lr=0.05, dot=DELTA)


def course(recipe=RECIPE, name="kd", method=None, **more):
    student, teacher = network(0), network(1, "resnet8x4")
    torch.manual_seed(2)
    method = method or build_method(name, {})
    live = LiveTeacher(teacher)
    history = fit(student, method, split(20), split(10, 1), recipe, seed=5, teacher=live, **more).history
    return student.state_dict(), history


def plain(**changes):
    return Recipe(**{"epochs": 2, "batch_size": 8, "lr": 0.05, **changes})


def same(first, second):
    return all(torch.equal(value, second[name]) for name, value in first.items())


def test_without_other_terms_it_is_plain_sgd():
    assert same(course(name="cross_entropy")[0], course(plain(), "cross_entropy")[0])
    assert not same(course()[0], course(plain())[0])


class Halves(Distillation):
    """The cross-entropy in two halves, one of which passes for distillation."""

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        half = batch.cross_entropy(batch.student.logits) / 2
        return {"ce": half, "kd": half}


def test_momenta_that_are_nearly_equal_are_one():
    """With a difference of next to nothing both buffers add up to the usual one."""
    weights, history = course(plain(dot=1e-9), method=Halves())
    usual, plain_history = course(plain(), method=Halves())
    for name, value in weights.items():
        assert torch.allclose(value.float(), usual[name].float(), atol=1e-5), name
    assert history[-1]["loss"] == pytest.approx(plain_history[-1]["loss"], rel=1e-4)


@pytest.mark.parametrize("steps", [2, 4, 5])
def test_cut_off_before_any_step_it_goes_on_to_the_same_bits(tmp_path, steps):
    """ctkd owns a parameter, which distillation alone trains."""
    callback, name = StopsAfter(steps), "ctkd"
    with pytest.raises(Stopped):
        course(name=name, callback=callback, checkpoints=Checkpoints(tmp_path, 1000, callback.ending))
    kept = Checkpoints(tmp_path, 1000, StopSignal())
    if steps > 2:
        names = {key.split(".")[1] for key in kept.load()[0] if key.startswith("optimizer.")}
        assert names == {"momentum_buffer"}
    weights, history = course(name=name, checkpoints=kept)
    whole, whole_history = course(name=name)
    assert same(weights, whole)
    assert [row["loss"] for row in history] == [row["loss"] for row in whole_history]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"optimizer": "adamw", "dot": 0.05}, "dot does not go with optimizer: adamw"),
        ({"nesterov": True, "dot": 0.05}, "dot does not go with nesterov: true"),
        ({"grad_clip": 1.0, "dot": 0.05}, "dot does not go with grad_clip: 1.0"),
        ({"dot": 0.1}, "dot: 0.1 is too much for a momentum of 0.9"),
        ({"momentum": 0.05, "dot": 0.075}, "dot: 0.075 is too much for a momentum of 0.05"),
    ],
)
def test_what_it_does_not_go_with(keys, message):
    with pytest.raises(ValidationError, match=message):
        Recipe(**keys)


def test_a_job_has_it_only_where_it_is_set():
    assert "dot" not in Recipe().kept()
    assert Recipe(dot=DELTA).kept()["dot"] == DELTA
    assert "momentum 0.9 ± 0.075 (DOT)" in Recipe(dot=DELTA).describe()
