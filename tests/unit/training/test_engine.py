"""Training, against a plain loop written out here, and against each mistake that such loops are known for."""

import copy
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from small_training import StopsAfter, network, split
from stored_targets import held
from torch import nn
from torch.nn import functional

from kd.data.sampler import order_seen, views_seen
from kd.distillation.base import Distillation
from kd.distillation.combined import build_method
from kd.errors import UserError
from kd.runtime.signals import Stopped, StopSignal
from kd.settings.recipe import Recipe
from kd.teachers.teacher import CachedTeacher, LiveTeacher
from kd.training.callback import Callback
from kd.training.checkpoints import Checkpoints
from kd.training.engine import fit
from kd.training.state import Training

pytestmark = pytest.mark.usefixtures("one_thread")
RECIPE = Recipe(epochs=3, batch_size=8, lr=0.05)


def train(model, method="cross_entropy", recipe=RECIPE, **more):
    return fit(model, build_method(method, {}), split(20), split(10, 1), recipe, seed=5, **more)


def test_fit_does_what_a_plain_loop_does():
    """The same images, order, loss and update, written the usual way with the momentum spelled out."""
    ours, plain = network(), network()
    train(ours)
    data, velocity = split(20), {}
    for epoch in range(3):
        lr = 0.05 * 0.5 * (1 + np.cos(np.pi * epoch / 3))
        views = torch.from_numpy(views_seen(5, epoch, 20, 18))
        order = torch.from_numpy(order_seen(5, epoch, 20))
        plain.train()
        for first in (0, 8, 16):
            indices = order[first : first + 8]
            loss = functional.cross_entropy(
                plain(data.images.take(indices, views[indices])), data.labels[indices]
            )
            plain.zero_grad()
            loss.backward()
            with torch.no_grad():
                for name, weight in plain.named_parameters():
                    gradient = weight.grad + 5e-4 * weight
                    velocity[name] = 0.9 * velocity[name] + gradient if name in velocity else gradient
                    weight -= lr * velocity[name]
    for name, weight in plain.state_dict().items():
        assert torch.allclose(ours.state_dict()[name], weight, atol=1e-5), name


def test_the_same_seed_gives_the_same_bits_and_another_does_not():
    first, again, other = network(), network(), network()
    train(first), train(again)
    fit(other, build_method("cross_entropy", {}), split(20), split(10, 1), RECIPE, seed=6)
    same = [torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True)]
    assert all(same)
    assert not torch.equal(next(first.parameters()), next(other.parameters()))


def test_the_student_is_in_train_mode_in_every_epoch_and_the_teacher_never():
    """Validation switches to eval mode in between; forgetting to switch back is a classic."""
    modes = []

    class Watched(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = network()

        def forward(self, images):
            modes.append((len(images), self.training))
            return self.inner(images)

    teacher = network(1).train()
    before = copy.deepcopy(teacher.state_dict())
    train(Watched(), "kd", teacher=LiveTeacher(teacher))
    assert modes == [(8, True), (8, True), (4, True), (10, False)] * 3
    assert not teacher.training
    for name, tensor in teacher.state_dict().items():
        assert torch.equal(tensor, before[name]), f"{name} of the teacher drifted"
    assert all(parameter.grad is None for parameter in teacher.parameters())


def test_history_weighs_samples_not_batches():
    """20 samples in batches of 8, 8 and 4: accuracy is a multiple of 1/20, and of no batch's own."""
    training = train(network())
    for row in training.history:
        assert row["train_accuracy"] * 20 / 100 == pytest.approx(round(row["train_accuracy"] * 20 / 100))

    class Constant(Distillation):
        """A loss of 1 in whole batches and of 6 in the short one: (16·1 + 4·6)/20 = 2, not 8/3."""

        def losses(self, batch):
            return {"ce": batch.student.logits.sum() * 0 + (1.0 if len(batch.labels) == 8 else 6.0)}

    history = fit(network(), Constant(), split(20), split(10, 1), RECIPE, seed=5).history
    assert [row["loss"] for row in history] == pytest.approx([2.0] * 3)


def test_nothing_is_read_back_within_an_epoch(monkeypatch):
    """A number read from the device makes it wait; an epoch may read its sums at its end, and no more."""
    reads = []
    original = torch.Tensor.item
    monkeypatch.setattr(torch.Tensor, "item", lambda tensor: reads.append(1) or original(tensor))
    fit(network(), build_method("cross_entropy", {}), split(20), split(10, 1), RECIPE, seed=5)
    small = len(reads)
    reads.clear()
    fit(network(), build_method("cross_entropy", {}), split(200), split(10, 1), RECIPE, seed=5)
    assert len(reads) == small  # ten times the steps, not one read more


def test_validation_chooses_the_epoch_and_its_weights_are_kept():
    model, rows = network(), []

    class Watched(Callback):
        def on_epoch(self, row):
            rows.append(row)

    training = train(model, recipe=Recipe(epochs=6, batch_size=8, lr=0.3), callback=Watched())
    best = max(rows, key=lambda row: (row["validation_accuracy"], -row["validation_loss"]))
    assert training.selected_epoch == best["epoch"]
    assert rows == training.history
    from kd.evaluation.metrics import evaluate

    model.load_state_dict(training.selected_weights)
    data = split(10, 1)
    assert evaluate(model, data.images, data.labels).loss == pytest.approx(best["validation_loss"])


def test_a_loss_that_is_not_finite_stops_with_the_epoch_and_step():
    """20 samples in batches of 8 are three steps an epoch, so the fifth step is the second of epoch 2."""

    class Broken(Distillation):
        steps = 0

        def losses(self, batch):
            self.steps += 1
            return {"ce": batch.student.logits.sum() * (float("nan") if self.steps == 5 else 0.0)}

    with pytest.raises(UserError, match=r"training loss became nan in epoch 2, step 2; a lower lr"):
        fit(network(), Broken(), split(20), split(10, 1), RECIPE, seed=5)


def test_weights_that_diverge_in_the_last_step_are_noticed():
    recipe = Recipe(epochs=1, batch_size=20, lr=1e6)
    with pytest.raises(UserError, match=r"the validation loss became (nan|inf) after epoch 1; a lower lr"):
        # One step: the loss before it is still finite.
        fit(network(), Overflowing(), split(20), split(10, 1), recipe, seed=5)


class Overflowing(Distillation):
    def losses(self, batch):
        return {"ce": batch.student.logits.sum() * 1e30}


def complete_table(teacher, data):
    """(views, samples, classes) float16, view by view."""
    with torch.no_grad():
        rows = [
            teacher.eval()(data.images.take(torch.arange(20), view))
            for view in range(data.images.augmentation.count)
        ]
    return torch.stack(rows).half().numpy()


def distilled(teacher):
    student = network(2)
    train(student, "kd", teacher=teacher)
    return torch.cat([weight.detach().flatten() for weight in student.parameters()])


def test_cached_targets_equal_a_live_teacher_and_a_view_shifted_by_one_does_not():
    """The teacher's answers belong to the very view that the student sees, or they're wrong."""
    teacher = network(1)
    table, device = complete_table(teacher, split(20)), torch.device("cpu")
    live = distilled(LiveTeacher(teacher))
    cached = distilled(CachedTeacher([held(table)], device))
    shifted = distilled(CachedTeacher([held(np.roll(table, 1, axis=0))], device))
    rounding, mistake = (live - cached).abs().max().item(), (live - shifted).abs().max().item()
    assert rounding < 2e-3
    assert mistake > 10 * rounding


def test_a_training_on_the_cpu_starts_nothing_on_a_gpu(monkeypatch):
    """To ask for the random state of a GPU would start CUDA there, in memory that is another job's."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_rng_state", lambda: pytest.fail("CUDA is started"))
    step = SimpleNamespace(state=dict, loader=SimpleNamespace(device=torch.device("cpu")))
    assert set(Training().state(step)[0]) == {"random.cpu"}


def test_a_missing_target_is_loud():
    table = complete_table(network(1), split(20))
    table[views_seen(5, 1, 20, 18)[7], 7] = np.nan
    with pytest.raises(UserError, match=r"lack sample 7 in row \d+ \(1 of 20 missing\)"):
        train(network(), "kd", teacher=CachedTeacher([held(table)], torch.device("cpu")))


@pytest.mark.parametrize("steps", range(1, 10))
def test_stopped_before_any_step_it_goes_on_to_the_same_bits(tmp_path, steps):
    """Three epochs of three steps, the last one of which is short; the momentum and dropout's random state count."""

    def model():
        torch.manual_seed(0)
        return nn.Sequential(network(), nn.Dropout(0.5))

    plain = model()
    history = train(plain).history
    callback = StopsAfter(steps)
    with pytest.raises(Stopped, match="SIGTERM"):
        train(model(), callback=callback, checkpoints=Checkpoints(tmp_path, 1000, callback.ending))
    torch.manual_seed(99)
    other = model()
    resumed = train(other, checkpoints=Checkpoints(tmp_path, 1000, StopSignal()))
    for name, tensor in other.state_dict().items():
        assert torch.equal(tensor, plain.state_dict()[name]), name
    for ours, theirs in zip(resumed.history, history, strict=True):
        assert {k: v for k, v in ours.items() if k not in ("seconds", "images_per_second")} == {
            k: v for k, v in theirs.items() if k not in ("seconds", "images_per_second")
        }
