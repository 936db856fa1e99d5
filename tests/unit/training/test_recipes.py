"""Trainings by recipes that are not the default: to the same bits when resumed, and what is done in each epoch."""

import copy
from itertools import product

import pytest
import torch
from small_training import StopsAfter, network, split
from tiers import sample
from torch import nn
from torch.nn import functional

from kd.distillation.base import Distillation
from kd.distillation.combined import build_method
from kd.evaluation.metrics import evaluate
from kd.runtime.signals import Stopped, StopSignal
from kd.settings.recipe import Recipe
from kd.training.checkpoints import Checkpoints
from kd.training.engine import fit
from kd.training.optim.optimizer import Optimizer
from kd.training.setup import note_slow_average

pytestmark = pytest.mark.usefixtures("one_thread")
ADAMW = {"optimizer": "adamw", "lr": 0.01}
BY_STEP = {"schedule_by": "step", "warmup_epochs": 0.5}
RECIPES = {
    "adamw": ADAMW,
    "muon": {"optimizer": "muon", "lr": 0.01, "grad_clip": 1.0},
    "ema": {"ema": 0.9, "weight_decay_on": "weights"},
    "by step": {**BY_STEP, "class_weights": "balanced", "label_smoothing": 0.1},
    "all": {**ADAMW, **BY_STEP, "ema": 0.9},
}
TIMES = {"seconds", "images_per_second"}


class TwoPhases(Distillation):
    """An epoch before those of the recipe, and a parameter of its own."""

    def __init__(self):
        super().__init__()
        self.preliminary, self.scale = 1, nn.Parameter(torch.ones(3, 2))

    def losses(self, batch):
        scaled = batch.student.logits * (self.scale.mean() if batch.preliminary else 1.0)
        return {"ce": batch.cross_entropy(scaled)}


def recipe(keys, epochs=3):
    return Recipe(epochs=epochs, batch_size=8, **{"lr": 0.05, **keys})


def train(model, keys, method=None, **more):
    method = method or build_method("cross_entropy", {})
    return fit(model, method, split(20), split(10, 1), recipe(keys), seed=5, **more)


def with_dropout(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(network(seed), nn.Dropout(0.5))


def assert_resumes(tmp_path, keys, steps, make=lambda: None):
    plain = with_dropout()
    history = train(plain, keys, make()).history
    callback = StopsAfter(steps)
    checkpoints = Checkpoints(tmp_path, 1000, callback.ending)
    with pytest.raises(Stopped, match="SIGTERM"):
        train(with_dropout(), keys, make(), callback=callback, checkpoints=checkpoints)
    other = with_dropout(99)
    resumed = train(other, keys, make(), checkpoints=Checkpoints(tmp_path, 1000, StopSignal()))
    for name, tensor in other.state_dict().items():
        assert torch.equal(tensor, plain.state_dict()[name]), name
    for ours, theirs in zip(resumed.history, history, strict=True):
        assert {**ours, **dict.fromkeys(TIMES)} == {**theirs, **dict.fromkeys(TIMES)}
    for name, tensor in resumed.selected_weights.items():
        assert tensor.dtype == plain.state_dict()[name].dtype


@pytest.mark.parametrize(
    ("name", "steps"),
    sample(product(RECIPES, (2, 6, 9)), [("muon", 2), ("by step", 6), ("all", 2), ("all", 6), ("all", 9)]),
)
def test_stopped_before_a_step_it_goes_on_to_the_same_bits(tmp_path, name, steps):
    """Three epochs of three steps, the last one of which is short."""
    assert_resumes(tmp_path, RECIPES[name], steps)


@pytest.mark.parametrize("steps", sample((2, 4, 5), (4,)))
def test_so_it_does_around_the_end_of_preliminary_epochs(tmp_path, steps):
    """The average and a fresh optimizer begin with the first step of the recipe's epochs, which is the fourth."""
    assert_resumes(tmp_path, RECIPES["all"], steps, TwoPhases)


@pytest.mark.parametrize("name", RECIPES)
def test_a_training_that_was_over_ends_with_the_same_bits(tmp_path, name):
    """Stopped after its last epoch, with nothing left to do but to leave the average in the network."""
    plain, other = with_dropout(), with_dropout(99)
    train(plain, RECIPES[name], checkpoints=Checkpoints(tmp_path, 1e-9, StopSignal()))
    train(other, RECIPES[name], checkpoints=Checkpoints(tmp_path, 1e-9, StopSignal()))
    for name, tensor in other.state_dict().items():
        assert torch.equal(tensor, plain.state_dict()[name]), name


def test_preliminary_epochs_have_neither_warm_up_nor_average():
    keys = {"lr": 0.04, "warmup_epochs": 2, "ema": 0.9}
    rows = train(network(), keys, TwoPhases()).history
    assert [row["lr"] for row in rows] == pytest.approx([0.04, 0.02, 0.04, 0.04])
    assert rows[0]["validation_accuracy"] == rows[0]["unaveraged_validation_accuracy"]


def test_every_step_has_its_own_rate(monkeypatch):
    rates, usual = [], Optimizer.step
    monkeypatch.setattr(Optimizer, "step", lambda self: rates.append(self.lr) or usual(self))
    rows = train(network(), {"schedule": "linear", "schedule_by": "step"}).history
    assert rates == pytest.approx([0.05 * (1 - step / 9) for step in range(9)])
    assert [row["lr"] for row in rows] == pytest.approx(rates[::3])


@pytest.mark.parametrize("name", RECIPES)
def test_nothing_is_read_back_within_an_epoch(monkeypatch, name):
    reads, counts = [], []
    original = torch.Tensor.item
    monkeypatch.setattr(torch.Tensor, "item", lambda tensor: reads.append(1) or original(tensor))
    for samples in (20, 200):
        reads.clear()
        fit(
            network(),
            build_method("cross_entropy", {}),
            split(samples),
            split(10, 1),
            recipe(RECIPES[name], epochs=1),
            seed=5,
        )
        counts.append(len(reads))
    assert counts[0] == counts[1]  # ten times the steps, not one read more


def test_the_average_is_what_a_training_leaves_and_is_selected_by():
    """By hand: the average of the weights after each step, begun with those before the first."""
    followed, averages = network(), []
    usual = network()
    mean = copy.deepcopy(followed.state_dict())

    def after_a_step(model):
        for name, tensor in model.state_dict().items():
            old = mean[name]
            mean[name] = 0.9 * old + 0.1 * tensor if tensor.is_floating_point() else tensor.clone()
        averages.append({name: tensor.clone() for name, tensor in mean.items()})

    model = network()
    step, optimizer_step = [], Optimizer.step

    def watched(self):
        optimizer_step(self)
        step.append(1)
        after_a_step(model)

    Optimizer.step = watched
    try:
        training = train(model, {"ema": 0.9})
    finally:
        Optimizer.step = optimizer_step
    plain = train(usual, {})
    for name, tensor in model.state_dict().items():
        assert torch.allclose(tensor, averages[-1][name], atol=1e-6), name
    rows, data = training.history, split(10, 1)
    assert [row["unaveraged_validation_accuracy"] for row in rows] == [
        row["validation_accuracy"] for row in plain.history
    ]
    for epoch, row in enumerate(rows):
        followed.load_state_dict(averages[3 * epoch + 2])
        assert row["validation_loss"] == pytest.approx(
            evaluate(followed, data.images, data.labels).loss, rel=1e-5
        )
    followed.load_state_dict(averages[3 * training.selected_epoch - 1])
    for name, tensor in training.selected_weights.items():
        assert torch.allclose(tensor, followed.state_dict()[name], atol=1e-6), name
    with training.unaveraged.applied():
        same = [torch.equal(tensor, usual.state_dict()[name]) for name, tensor in model.state_dict().items()]
    assert all(same)


def test_the_loss_is_smoothed_and_weighed():
    """Of one epoch whose only step is before any update; methods that have no loss of their own for labels."""
    keys = {"label_smoothing": 0.1, "class_weights": "balanced", "schedule": "constant", "lr": 1e-6}
    model, data = network(), split(20)
    counts = torch.bincount(data.labels, minlength=3)
    weights = 20 / (3 * counts.float())
    seen = []

    class Watched(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = model

        def forward(self, images):
            logits = self.inner(images)
            seen.append(logits.detach())
            return logits

    whole = Recipe(epochs=1, batch_size=20, **keys)
    row = fit(Watched(), build_method("cross_entropy", {}), data, split(10, 1), whole, seed=5).history[0]
    from kd.data.sampler import order_seen

    labels = data.labels[torch.from_numpy(order_seen(5, 0, 20))]
    expected = functional.cross_entropy(seen[0], labels, weight=weights, label_smoothing=0.1)
    assert row["loss"] == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize(("ema", "warned"), [(0.99, True), (0.9, False)])
def test_an_average_that_is_too_slow_for_a_training_is_named(caplog, ema, warned):
    """60 steps: 0.99^60 is 55 %, and 0.9^60 is 0.2 %."""
    caplog.set_level("WARNING", "kd")
    note_slow_average("[cnn]", Recipe(epochs=20, batch_size=8, ema=ema), 20)
    texts = [record.getMessage() for record in caplog.records]
    assert texts == warned * [
        "[cnn]  ema: 0.99 is too slow for 60 steps: the first weights are 55 % of the average at its end; lower it"
    ]
