"""Trains a network on numbered views. Knows nothing of any method, architecture or data set."""

import math
import time

from torch import nn

from kd.data.loader import Loader
from kd.data.views import Split
from kd.distillation.base import Distillation
from kd.errors import UserError
from kd.evaluation.metrics import Score, evaluate
from kd.runtime.ranks.group import ALONE, Ranks
from kd.runtime.signals import Stopped
from kd.runtime.speed import Speed
from kd.settings.recipe import Recipe
from kd.teachers.teacher import Teacher
from kd.training.callback import Callback
from kd.training.checkpoints import Checkpoints
from kd.training.cuda_graph import AnyStep, GraphedStep
from kd.training.state import Training
from kd.training.step import Step


def fit(
    model: nn.Module,
    method: Distillation,
    train: Split,
    validation: Split | None,
    recipe: Recipe,
    *,
    seed: int,
    teacher: Teacher | None = None,
    speed: Speed = Speed(),
    callback: Callback | None = None,
    checkpoints: Checkpoints | None = None,
    ranks: Ranks = ALONE,
) -> Training:
    """Train `model` in place by `recipe` and return its history.

    `method`, which has been prepared, says what is minimised. Its preliminary epochs go before those of the
    recipe, with a constant learning rate (the method's, or else that which follows warm-up) and an optimizer
    of their own. Without a `validation` split no epoch is selected, and the history has no such columns.
    Where the recipe has `ema`, the average of the weights begins after them; it is what is evaluated, and
    `model` is left with it. With `checkpoints` it begins where the last one left off, and keeps its state
    there from time to time. Several `ranks` train it together: all call this, with networks and methods that
    begin alike.
    Raises UserError if the loss stops being finite, and Stopped, with the state kept, if the process is
    to end.
    """
    callback = callback or Callback()
    loader = Loader(train, recipe.batch_size, seed, ranks.rank, ranks.count, method.COMPANIONS)

    def new_step(epoch: int) -> AnyStep:
        """For this epoch (from 0) and those that follow in its phase, with a fresh optimizer."""
        step = Step(model, method, loader, recipe, teacher, speed, epoch < method.preliminary, ranks)
        return GraphedStep(step, loader) if speed.graph else step

    training, step = Training(method.preliminary), None
    if checkpoints and (state := checkpoints.load()):
        step = new_step(len(state[1]["history"]))
        training = Training.resumed(state, method.preliminary, step, loader.device)
        callback.on_resume(training.history, len(training.history) + training.done / loader.samples)
    while (epoch := len(training.history)) < method.preliminary + recipe.epochs:
        if step is None or (epoch == method.preliminary and not training.done):
            if step:
                step.together.end()
            step = new_step(epoch)
        model.train()
        method.train()
        with speed.rounding():
            means, seconds = _train_epoch(step, training, callback, checkpoints)
        row = {"epoch": epoch + 1, "lr": _lr(step, epoch), **means}
        unaveraged = score = _validate(model, validation, speed, epoch, ranks)
        with step.averaged():
            if step.average:
                score = _validate(model, validation, speed, epoch, ranks)
            if score:
                row |= {"validation_loss": score.loss, "validation_accuracy": score.accuracy}
            row |= {"seconds": seconds, "images_per_second": loader.samples / seconds}
            if recipe.ema and unaveraged:
                row |= {"unaveraged_validation_accuracy": unaveraged.accuracy}
            training.add(row, model)
        training.last = None if speed.bf16 else score
        training.replayed = isinstance(step, GraphedStep) and step.recorded
        callback.on_epoch(row)
        _keep_if_due(checkpoints, training, step, epoch_ended=True)
    if step and step.average:
        step.average.swap()
        training.unaveraged = step.average
    return training


class Diverged(UserError):
    """A training whose loss is no number any more."""


def _train_epoch(
    step: AnyStep, training: Training, callback: Callback, checkpoints: Checkpoints | None
) -> tuple[dict[str, float], float]:
    """The rest of an epoch: means of the loss terms, and accuracy, as they were in passing; its seconds."""
    epoch, started = len(training.history), time.perf_counter() - training.seconds
    in_phase = _in_phase(step, epoch)
    # The recipe's epochs keep their own numbers whatever goes before them: logits are cached for those.
    drawn = step.recipe.epochs + epoch if step.preliminary else in_phase
    batches = step.loader.epoch(drawn, training.done)
    step.start_epoch(in_phase, _lr(step, epoch))
    if not training.done:
        step.clear()
    for samples in batches:
        callback.on_step(epoch + 1, samples.first)
        training.done, training.seconds = samples.first, time.perf_counter() - started
        _keep_if_due(checkpoints, training, step)
        if step.recipe.schedule_by == "step":
            step.set_lr(_lr(step, epoch, samples.first // step.loader.batch_size))
        step(samples)
    totals = step.sums()
    sound = int(totals.pop("sound"))
    means = {name: (total / step.loader.samples).item() for name, total in totals.items()}
    seconds = time.perf_counter() - started  # the means were read, so the device has finished
    loss = means["loss"]
    _check_finite(loss, f"the training loss became {loss} in epoch {epoch + 1}, step {sound + 1}")
    means["train_accuracy"] = 100 * means.pop("correct")
    return means, seconds


def _in_phase(step: AnyStep, epoch: int) -> int:
    """The number of an epoch among the preliminary ones, or among the recipe's."""
    return epoch if step.preliminary else epoch - step.method.preliminary


def _lr(step: AnyStep, epoch: int, number: int = 0) -> float:
    """The learning rate in step `number` of an epoch; preliminary ones have neither warm-up nor schedule."""
    if step.preliminary:
        return step.method.preliminary_lr or step.recipe.highest_lr
    return step.recipe.lr_at(_in_phase(step, epoch), number, step.loader.steps)


def _validate(
    model: nn.Module, validation: Split | None, speed: Speed, epoch: int, ranks: Ranks
) -> Score | None:
    if validation is None:
        return None
    with speed.autocast(validation.labels.device):
        score = evaluate(model, validation.images, validation.labels, ranks)
    _check_finite(score.loss, f"the validation loss became {score.loss} after epoch {epoch + 1}")
    return score


def _keep_if_due(
    checkpoints: Checkpoints | None, training: Training, step: AnyStep, epoch_ended: bool = False
) -> None:
    """Keep the state between two steps. A broken one is not kept: the last good one stays."""
    if checkpoints is None:
        return
    due, signal = checkpoints.due(step.ranks, epoch_ended=epoch_ended)
    if due and (epoch_ended or step.sound):
        checkpoints.keep(training.state(step))
    if signal:
        step.ranks.wait()  # for the first, which writes: the end of one is the end of all
        raise Stopped(signal)


def _check_finite(loss: float, what: str) -> None:
    if not math.isfinite(loss):
        raise Diverged(f"{what}; a lower lr (in recipe, or for this network alone) usually helps")
