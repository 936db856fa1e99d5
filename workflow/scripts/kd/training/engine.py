"""Trains a network on numbered views. Knows nothing of any method, architecture or data set."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from kd.data.sampler import order_seen, views_seen
from kd.data.views import Split
from kd.distillation.base import Distillation
from kd.errors import UserError
from kd.evaluation.metrics import evaluate
from kd.runtime.signals import Stopped
from kd.runtime.speed import Speed
from kd.settings.recipe import Recipe
from kd.teachers.teacher import Teacher
from kd.training.callback import Callback
from kd.training.checkpoints import Checkpoints
from kd.training.cuda_graph import GraphedStep
from kd.training.state import Training
from kd.training.step import Step


def fit(
    model: nn.Module,
    method: Distillation,
    train: Split,
    validation: Split,
    recipe: Recipe,
    *,
    seed: int,
    teacher: Teacher | None = None,
    speed: Speed = Speed(),
    callback: Callback | None = None,
    checkpoints: Checkpoints | None = None,
) -> Training:
    """Train `model` in place by `recipe` and return its history.

    `method`, which has been prepared, says what is minimised. Its preliminary epochs go before those of the
    recipe, with its first learning rate and an optimizer of their own. With `checkpoints` it begins where the
    last one left off, and keeps its state there from time to time.
    Raises UserError if the loss stops being finite, and Stopped, with the state kept, if the process is told
    to end.
    """
    callback, device = callback or Callback(), train.labels.device
    course = _Course(model, method, train, recipe, seed, teacher, speed)
    training, step = Training(method.preliminary), None
    if checkpoints and (state := checkpoints.load()):
        step = course.step(len(state.facts["history"]))
        training = Training.resumed(state, method.preliminary, step, device)
        callback.on_resume(training.history, len(training.history) + training.done / train.images.samples)
    while (epoch := len(training.history)) < method.preliminary + recipe.epochs:
        if step is None or (epoch == method.preliminary and not training.done):
            step = course.step(epoch)
        model.train()
        method.train()
        means, seconds = _train_epoch(course, step, training, callback, checkpoints)
        with speed.autocast(device):
            score = evaluate(model, validation.images, validation.labels)
        _check_finite(score.loss, f"the validation loss became {score.loss} after epoch {epoch + 1}")
        row = {"epoch": epoch + 1, "lr": course.lr(epoch), **means}
        row |= {"validation_loss": score.loss, "validation_accuracy": score.accuracy}
        row |= {"seconds": seconds, "images_per_second": train.images.samples / seconds}
        training.add(row, model)
        training.last = score
        callback.on_epoch(row)
        _keep_if_due(checkpoints, training, step, epoch_ended=True)
    return training


class Diverged(UserError):
    """A training whose loss is no number any more."""


@dataclass(frozen=True)
class _Course:
    """What a training goes through, epoch by epoch (from 0, the preliminary ones first)."""

    model: nn.Module
    method: Distillation
    train: Split
    recipe: Recipe
    seed: int
    teacher: Teacher | None
    speed: Speed

    def step(self, epoch: int) -> Step | GraphedStep:
        """A step of this epoch and those that follow in its phase, with a fresh optimizer."""
        parts = self.model, self.method, self.train, self.recipe, self.teacher, self.speed
        step = Step(*parts, preliminary=epoch < self.method.preliminary)
        if not self.speed.graph:
            return step
        return GraphedStep(step, self.recipe.batch_size, self.train.labels.device)

    def place(self, epoch: int) -> tuple[int, int]:
        """Its number within its phase, and the one that its views and its order are drawn by.

        The recipe's epochs keep their own numbers whatever goes before them: targets are stored for those.
        """
        before = self.method.preliminary
        return (epoch, self.recipe.epochs + epoch) if epoch < before else (epoch - before, epoch - before)

    def lr(self, epoch: int) -> float:
        """Learning rate."""
        return self.recipe.lr_at(max(0, epoch - self.method.preliminary))

    def start(self, step: Step | GraphedStep, epoch: int) -> Tensor:
        """Announce an epoch to its step; the order of its samples, (N,) int64."""
        images = self.train.images
        number, drawn = self.place(epoch)
        step.start_epoch(number, views_seen(self.seed, drawn, images.samples, images.count), self.lr(epoch))
        return torch.from_numpy(order_seen(self.seed, drawn, images.samples)).to(self.train.labels.device)


def _train_epoch(
    course: _Course,
    step: Step | GraphedStep,
    training: Training,
    callback: Callback,
    checkpoints: Checkpoints | None,
) -> tuple[dict[str, float], float]:
    """The rest of an epoch: means of the loss terms, and accuracy, as they were in passing; its seconds."""
    samples, epoch = course.train.images.samples, len(training.history)
    started = time.perf_counter() - training.seconds
    order = course.start(step, epoch)
    if not training.done:
        step.clear()
    batches = _batches(order, course.recipe.batch_size)
    for first, indices in course.train.images.fed(batches, training.done):
        callback.on_step(epoch + 1, first)
        training.done, training.seconds = first, time.perf_counter() - started
        _keep_if_due(checkpoints, training, step)
        step(indices)
    totals = dict(step.totals)
    sound = int(totals.pop("sound"))
    means = {name: (total / samples).item() for name, total in totals.items()}
    seconds = time.perf_counter() - started  # the means were read, so the device has finished
    _check_finite(
        means["loss"], f"the training loss became {means['loss']} in epoch {epoch + 1}, step {sound + 1}"
    )
    means["train_accuracy"] = 100 * means.pop("correct")
    return means, seconds


def _keep_if_due(
    checkpoints: Checkpoints | None, training: Training, step: Step | GraphedStep, epoch_ended: bool = False
) -> None:
    """Keep the state between two steps. A broken one is not kept: the last good one stays."""
    if checkpoints is None or not checkpoints.due(epoch_ended=epoch_ended):
        return
    if epoch_ended or step.sound:
        checkpoints.keep(training.state(step))
    if checkpoints.stopping():
        raise Stopped(checkpoints.stopping.name)


def _check_finite(loss: float, what: str) -> None:
    if not math.isfinite(loss):
        raise Diverged(f"{what}; a lower lr (in recipe, or for this network alone) usually helps")


def _batches(order: Tensor, batch_size: int) -> Iterator[tuple[int, Tensor]]:
    """Every sample once, in batches with the number of samples that go before.

    A last single one joins the batch before it: batch norm cannot take one alone.
    """
    whole, rest = divmod(len(order), batch_size)
    sizes = [batch_size] * whole + ([rest] if rest else [])
    if rest == 1 and whole:
        sizes[-2:] = [batch_size + 1]
    first = 0
    for batch in order.split(sizes):
        yield first, batch
        first += len(batch)
