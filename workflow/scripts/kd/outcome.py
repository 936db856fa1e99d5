"""What a finished training says of itself: which run it was, its history, and how well the network does."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from kd.chosen import named
from kd.engine import Training
from kd.errors import UserError
from kd.files import whole
from kd.job import TrainJob
from kd.metrics import Score, agreement, evaluate, expected_calibration_error
from kd.views import Labelled


def identity(job: TrainJob, loss_function: str, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Which run this is; `chosen` are those of its values that a sweep chose."""
    if chosen:
        loss_function += f" (chosen on validation: {named(chosen)})"
    return ({"chosen": dict(chosen)} if chosen else {}) | {
        "role": job.role,
        "name": job.name,
        "architecture": job.architecture,
        "teacher": job.teacher,
        "method": job.method_name,
        "seed": job.seed,
        "epochs": job.recipe.epochs,
        "loss_function": loss_function,
    }


def diverged(run: dict[str, Any], error: Exception) -> dict[str, Any]:
    """The metrics of a trial whose loss is no number any more."""
    return run | {"validation_loss": None, "validation_accuracy": None, "diverged": str(error)}


def scored(scores: dict[str, Score], labels: Tensor, teacher_logits: Path | None) -> dict[str, Any]:
    """The last epoch's weights on these splits, and how the test answers compare with truth and teacher."""
    answers = scores["test"].logits
    taught = _read_logits(teacher_logits, answers.shape) if teacher_logits else None
    found = {f"{part}_loss": score.loss for part, score in scores.items()}
    found |= {f"{part}_accuracy": score.accuracy for part, score in scores.items()}
    found["ece"] = expected_calibration_error(answers, labels)
    found["agreement"] = None if taught is None else agreement(answers, taught)
    return found


def _read_logits(path: Path, shape: tuple[int, ...]) -> Tensor:
    try:
        logits = torch.from_numpy(np.load(path, allow_pickle=False))
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"{path}: not whole ({error}); delete it to have it made again") from error
    if logits.shape != shape:
        raise UserError(f"{path}: holds {tuple(logits.shape)}, not {tuple(shape)}; delete it")
    return logits


def selected(network: nn.Module, training: Training, last: Score, test: Labelled) -> dict[str, Any]:
    """The epoch that validation chose, and its weights on the test set; loads them into `network`."""
    score = last
    if training.selected_epoch < len(training.history):
        network.load_state_dict(training.selected_weights)
        score = evaluate(network, test.images, test.labels)
    return {
        "selected_epoch": training.selected_epoch,
        "selected_validation_accuracy": training.history[training.selected_epoch - 1]["validation_accuracy"],
        "selected_test_accuracy": score.accuracy,
    }


def write_history(path: Path, history: list[dict[str, float]]) -> None:
    """One line per epoch; the columns are the keys of the rows, some of which may be in a few rows only."""
    columns = list(dict.fromkeys(key for row in history for key in row))
    with whole(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(history)
