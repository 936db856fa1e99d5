"""What a finished training says of itself: which run it was, its history, and how well the network does."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from kd.data.views import Split
from kd.evaluation.metrics import Score, agreement, evaluate, named_scores
from kd.io.arrays import read_logits, write_array
from kd.io.log import logger
from kd.io.tables import write_csv
from kd.jobs.training import TrainJob
from kd.networks.checkpoint import save_network
from kd.networks.size import size_of
from kd.networks.state import load_state
from kd.results.metrics import write_metrics
from kd.roles import TRIAL
from kd.runtime.ranks.group import ALONE, Ranks
from kd.sweep.values import named
from kd.training.alarms import agreement_alarm, term_alarms
from kd.training.engine import Diverged, Training
from kd.training.setup import Setup


@dataclass(frozen=True)
class Outputs:
    """What a training writes; a trial of a sweep its metrics and history alone."""

    metrics: Path
    history: Path
    model: Path | None = None
    test_logits: Path | None = None
    board: Path | None = None
    validation_logits: Path | None = None


def describe_run(job: TrainJob, loss_function: str, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Which run this is; `chosen` are those of its values that a sweep chose."""
    if chosen:
        loss_function += f" (chosen on validation: {named(chosen)})"
    run = {name: getattr(job, name) for name in ("role", "name", "architecture", "teacher", "seed")}
    run |= {"method": job.method_name, "epochs": job.recipe.epochs, "loss_function": loss_function}
    return run | ({"chosen": dict(chosen)} if chosen else {})


def save_diverged(job: TrainJob, run: dict[str, Any], error: Diverged, outputs: Outputs) -> None:
    """Write what is left of a trial whose loss is no number any more: it has had its chance, others go on."""
    logger.warning("%s  cannot be chosen: %s", job.label, error)
    write_csv(outputs.history, [])
    nothing = {"validation_loss": None, "validation_accuracy": None}
    write_metrics(outputs.metrics, run | nothing | {"diverged": str(error)})


def save_outputs(
    job: TrainJob,
    setup: Setup,
    training: Training,
    splits: Mapping[str, Split],
    teacher_logits: Path | None,
    outputs: Outputs,
    ranks: Ranks = ALONE,
) -> tuple[dict[str, Any], Tensor | None]:
    """Write the history and, but for a trial, the network with its validation and test logits.

    Returns what it has come to, and the validation logits (N, C) float32, None where there are none. Network
    and logits are those of the last epoch, as the method's `deployed` returns it. Where the recipe has `ema`,
    all is of the average, and the accuracy of the last weights stands beside. Leaves `setup.network` with the
    weights of the epoch that validation chose, if it chose one. Several `ranks` evaluate together; the first
    one writes.
    """
    if ranks.first:
        write_csv(outputs.history, training.history)
    last = training.history[-1]
    results = {name: last.get(name) for name in ("validation_loss", "validation_accuracy")}
    if job.role == TRIAL:
        return results, None
    network, test = _deployed(setup, ranks), splits["test"]
    scores = {part: _evaluate(job, network, part, splits[part], ranks) for part in ("train", "test")}
    if training.last is None and "validation" in splits:
        training.last = _evaluate(job, network, "validation", splits["validation"], ranks)
    validation = training.last.logits if training.last else None
    logits = scores["test"].logits
    if ranks.first:
        save_network(outputs.model, network.state_dict(), **setup.about, changes=setup.method.changes)
        write_array(outputs.test_logits, logits.numpy())
        write_array(outputs.validation_logits, (logits[:0] if validation is None else validation).numpy())
    image = test.images.take(torch.zeros(1, dtype=torch.int64, device=test.labels.device), 0)
    results |= named_scores(scores, test.labels.cpu()) | size_of(network, image)
    alarms = list(term_alarms(training.history, len(training.history)).values())
    results["agreement"] = None
    if teacher_logits:
        teacher = torch.tensor(read_logits(teacher_logits, *logits.shape))
        results["agreement"] = agreement(logits, teacher)
        if alarm := agreement_alarm(logits, teacher):
            logger.warning("%s  %s", job.label, alarm)
            alarms.append(alarm)
    results |= {"alarms": alarms} if alarms else {}
    if training.unaveraged:
        with training.unaveraged.applied():
            unaveraged = evaluate(_deployed(setup, ranks), test.images, test.labels, ranks).accuracy
        results["unaveraged_test_accuracy"] = unaveraged
    return results | _selected(setup, training, scores["test"], test, ranks), validation


def _deployed(setup: Setup, ranks: Ranks) -> nn.Module:
    """The network as its method hands it over, the same on all ranks."""
    ranks.same_buffers(setup.network)
    return setup.method.deployed(setup.network)


def _evaluate(job: TrainJob, network: nn.Module, part: str, split: Split, ranks: Ranks) -> Score:
    logger.info("%s  evaluates on %d %s images", job.label, split.images.samples, part)
    return evaluate(network, split.images, split.labels, ranks)


def _selected(setup: Setup, training: Training, last: Score, test: Split, ranks: Ranks) -> dict[str, Any]:
    """The epoch that validation chose, and its weights on the test set; loads them into the network.

    Null where there is no validation split.
    """
    if not training.selected_epoch:
        return dict.fromkeys(("selected_epoch", "selected_validation_accuracy", "selected_test_accuracy"))
    score = last
    if training.selected_epoch < len(training.history):
        load_state(setup.network, training.selected_weights)
        score = evaluate(_deployed(setup, ranks), test.images, test.labels, ranks)
    return {
        "selected_epoch": training.selected_epoch,
        "selected_validation_accuracy": training.history[training.selected_epoch - 1]["validation_accuracy"],
        "selected_test_accuracy": score.accuracy,
    }
