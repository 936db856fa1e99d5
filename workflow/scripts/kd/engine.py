"""Trains a network on numbered views. Knows nothing of any method, architecture or data set."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from kd.errors import UserError
from kd.metrics import evaluate
from kd.numbering import order_seen, views_seen
from kd.recipe import Recipe
from kd.speed import Speed
from kd.step import GraphedStep, Step
from kd.teacher import Teacher
from kd.views import Labelled


@dataclass
class Training:
    """What a training leaves behind: one row per epoch, and the epoch that validation chose."""

    history: list[dict[str, float]] = field(default_factory=list)
    selected_epoch: int = 0
    selected_weights: dict[str, Tensor] = field(default_factory=dict)


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
    report: Callable[[dict[str, float]], None] = lambda row: None,
    tick: Callable[[int, int], None] = lambda epoch, done: None,
) -> Training:
    """Train `model` in place by `recipe` and return its history.

    `report` is called after every epoch with its row, `tick` before every step with the epoch (from 1) and
    the number of its images that went before.
    `method.losses(student logits, teacher logits or None, labels)` gives the terms to be minimised.
    Raises UserError if the loss stops being finite.
    """
    step = Step(model, method, train, recipe, teacher, speed)
    if speed.graph:
        step = GraphedStep(step, recipe.batch_size, train.labels.device)
    training = Training()
    for epoch in range(recipe.epochs):
        started = time.perf_counter()
        model.train()
        means = _train_epoch(step, train, recipe, seed, epoch, partial(tick, epoch + 1))
        seconds = time.perf_counter() - started  # the means were read, so the device has finished
        _check_finite(epoch, "training", means["loss"])
        with speed.autocast(train.labels.device):
            score = evaluate(model, validation.images, validation.labels)
        _check_finite(epoch, "validation", score.loss)
        row = {"epoch": epoch + 1, "lr": recipe.lr_at(epoch), **means}
        row |= {"validation_loss": score.loss, "validation_accuracy": score.accuracy}
        row |= {"seconds": seconds, "images_per_second": train.images.samples / seconds}
        training.history.append(row)
        _remember_best(training, model)
        report(row)
    return training


def _train_epoch(
    step: Step | GraphedStep,
    train: Labelled,
    recipe: Recipe,
    seed: int,
    epoch: int,
    tick: Callable[[int], None],
) -> dict[str, float]:
    """One pass over the training images; means of the loss terms, and accuracy, as they were in passing."""
    samples = train.images.samples
    step.start_epoch(views_seen(seed, epoch, samples, train.images.count), recipe.lr_at(epoch))
    order = torch.from_numpy(order_seen(seed, epoch, samples)).to(train.labels.device)
    done = 0
    for indices in _batches(order, recipe.batch_size):
        tick(done)
        done += len(indices)
        step(indices)
    means = {name: (total / samples).item() for name, total in step.totals.items()}
    means["train_accuracy"] = 100 * means.pop("correct")
    return means


def _check_finite(epoch: int, what: str, loss: float) -> None:
    if not math.isfinite(loss):
        raise UserError(
            f"the {what} loss became {loss} in epoch {epoch + 1};"
            " a lower lr (in recipe, or for this network alone) usually helps"
        )


def _batches(order: Tensor, batch_size: int) -> Iterator[Tensor]:
    """Every sample once; a last single one joins the batch before it: batch norm cannot take one alone."""
    whole, rest = divmod(len(order), batch_size)
    sizes = [batch_size] * whole + ([rest] if rest else [])
    if rest == 1 and whole:
        sizes[-2:] = [batch_size + 1]
    return iter(order.split(sizes))


def _remember_best(training: Training, model: nn.Module) -> None:
    """Keep the weights with the highest validation accuracy; then the lowest loss, then the first, win."""

    def rank(row: dict[str, float]) -> tuple[float, float]:
        return row["validation_accuracy"], -row["validation_loss"]

    now, history = training.history[-1], training.history
    if training.selected_epoch == 0 or rank(now) > rank(history[training.selected_epoch - 1]):
        training.selected_epoch = len(history)
        training.selected_weights = {
            name: tensor.detach().clone() for name, tensor in model.state_dict().items()
        }
