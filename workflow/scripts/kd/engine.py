"""Trains a network on numbered views. Knows nothing of any method, architecture or data set."""

import math
import time
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from kd.ending import Stopped
from kd.errors import UserError
from kd.metrics import evaluate
from kd.numbering import order_seen, views_seen
from kd.recipe import Recipe
from kd.resume import Checkpoints
from kd.speed import Speed
from kd.step import GraphedStep, Step
from kd.teacher import Teacher
from kd.training import Training
from kd.views import Labelled
from kd.watcher import Watcher


def fit(
    model: nn.Module,
    method: Any,
    train: Labelled,
    validation: Labelled,
    recipe: Recipe,
    *,
    seed: int,
    teacher: Teacher | None = None,
    speed: Speed = Speed(),
    watcher: Watcher | None = None,
    checkpoints: Checkpoints | None = None,
) -> Training:
    """Train `model` in place by `recipe` and return its history.

    `method.losses(student logits, teacher logits or None, labels)` gives the terms to be minimised. With
    `checkpoints` it begins where the last one left off, and keeps its state there from time to time.
    Raises UserError if the loss stops being finite, and Stopped, with the state kept, if the process is told
    to end.
    """
    watcher, device, samples = watcher or Watcher(), train.labels.device, train.images.samples
    step: Step | GraphedStep = Step(model, method, train, recipe, teacher, speed)
    if speed.graph:
        step = GraphedStep(step, recipe.batch_size, device)
    training = Training()
    if checkpoints and (state := checkpoints.load()):
        training = Training.resumed(state, step, device)
        watcher.resume(training.history, len(training.history) + training.done / samples)
    while (epoch := len(training.history)) < recipe.epochs:
        model.train()
        means, seconds = _train_epoch(step, train, recipe, seed, training, watcher, checkpoints)
        with speed.autocast(device):
            score = evaluate(model, validation.images, validation.labels)
        _check_finite(score.loss, f"the validation loss became {score.loss} after epoch {epoch + 1}")
        row = {"epoch": epoch + 1, "lr": recipe.lr_at(epoch), **means}
        row |= {"validation_loss": score.loss, "validation_accuracy": score.accuracy}
        row |= {"seconds": seconds, "images_per_second": samples / seconds}
        training.add(row, model)
        watcher.report(row)
        _keep_if_due(checkpoints, training, step, epoch_ended=True)
    return training


def _train_epoch(
    step: Step | GraphedStep,
    train: Labelled,
    recipe: Recipe,
    seed: int,
    training: Training,
    watcher: Watcher,
    checkpoints: Checkpoints | None,
) -> tuple[dict[str, float], float]:
    """The rest of an epoch: means of the loss terms, and accuracy, as they were in passing; its seconds."""
    samples, epoch = train.images.samples, len(training.history)
    started = time.perf_counter() - training.seconds
    step.start_epoch(views_seen(seed, epoch, samples, train.images.count), recipe.lr_at(epoch))
    if not training.done:
        step.clear()
    order = torch.from_numpy(order_seen(seed, epoch, samples)).to(train.labels.device)
    for first, indices in _batches(order, recipe.batch_size):
        if first < training.done:
            continue
        watcher.tick(epoch + 1, first)
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
        raise UserError(f"{what}; a lower lr (in recipe, or for this network alone) usually helps")


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
