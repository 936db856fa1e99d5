"""Train one network, in any role: a teacher, a student alone, or a student of a teacher."""

import logging
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from kd.catalog import build_method, build_network
from kd.checkpoint import load_network, save_network
from kd.compute import Compute
from kd.data import PARTS, Dataset, read_dataset
from kd.device import device_name, set_up
from kd.ending import Ending
from kd.engine import Training, fit
from kd.files import digest, whole, write_json
from kd.job import TrainJob
from kd.metrics import Score, agreement, count_macs, count_parameters, evaluate, expected_calibration_error
from kd.provenance import commit, versions
from kd.resume import Checkpoints
from kd.runlog import RunLog, write_history
from kd.speed import choose_speed
from kd.targets import open_noted
from kd.teacher import CachedTeacher, LiveTeacher, Teacher
from kd.views import Labelled, ViewedImages

logger = logging.getLogger("kd")


def main(
    job: TrainJob,
    dataset: Path,
    model: Path,
    metrics: Path,
    history: Path,
    test_logits: Path,
    board: Path,
    *,
    teacher_model: Path | None = None,
    teacher_logits: Path | None = None,
    targets: Path | None = None,
    compute: Compute = Compute(),
    work: Path | None = None,
    code: str = "",
) -> None:
    """Train by `job` on `dataset` and write the network, its metrics, history, test logits and events.

    With the note `targets` a student reads its teacher's stored logits, otherwise it runs `teacher_model`.
    `teacher_logits` are the teacher's on the test set, for the agreement. Losses are means in nats,
    accuracies, agreement and calibration error in percent. What is evaluated at the end is in float32.
    With the folder `work` a training that was cut off goes on where it was, if its configuration, its input
    files and `code`, the fingerprint of what it runs, are the same.
    """
    started = time.perf_counter()
    where = set_up(compute)
    data = read_dataset(dataset)
    splits = {part: _on_device(data, part, where) for part in PARTS}
    torch.manual_seed(job.seed)  # before the network: its first weights are drawn here
    shape = {"in_channels": data.train_images.shape[3], "num_classes": len(data.classes)}
    network = build_network(job.architecture, job.options, **shape)
    network = network.to(device=where, memory_format=torch.channels_last)
    method = build_method(job.method, job.method_options)
    samples = splits["train"].images.samples
    speed = choose_speed(compute, where, job.recipe.epochs * -(-samples // job.recipe.batch_size))
    logger.info("%s  starts on %s: %s", _label(job), device_name(where), method.describe())
    logger.info("%s  %s", _label(job), speed.reason)

    ending = Ending()
    checkpoints = None
    if work:
        # Named by all that the training is made from, so that nothing else ever goes on from its state.
        inputs = [path for path in (dataset, teacher_model, targets) if path]
        folder = work / digest(f"{job.to_json()}\0{code}", *inputs)
        checkpoints = Checkpoints(folder, compute.checkpoint_seconds, ending)
    with RunLog(_label(job), job.recipe.epochs, samples, board) as log, ending.noticed():
        training = fit(
            network,
            method,
            splits["train"],
            splits["validation"],
            job.recipe,
            seed=job.seed,
            teacher=_teacher(targets, teacher_model, splits["train"].images, where),
            speed=speed,
            watcher=log,
            checkpoints=checkpoints,
        )

    scores = {part: _evaluate(job, network, part, splits[part]) for part in ("train", "test")}
    about = {"architecture": job.architecture, "options": job.options, **shape}
    save_network(model, network.state_dict(), **about)
    write_history(history, training.history)
    with whole(test_logits) as temporary:
        np.save(temporary, scores["test"].logits.numpy())
    results = (
        _identity(job, method.describe())
        | _scored(scores, data.test_labels, teacher_logits)
        | {key: training.history[-1][key] for key in ("validation_loss", "validation_accuracy")}
        | _selected(network, training, scores["test"], splits["test"])
        | {"parameters": count_parameters(network), "macs": count_macs(network, _one_image(splits["test"]))}
        | {"seconds": training.earlier + time.perf_counter() - started}
        | {"device": device_name(where), "versions": versions(), "commit": commit()}
    )
    write_json(metrics, results)
    if checkpoints:
        checkpoints.remove()
    logger.info("%s  done: test accuracy %.2f %%", _label(job), results["test_accuracy"])


def _label(job: TrainJob) -> str:
    """How a run is called in the log, where several runs write at once."""
    if job.role == "distilled":
        return f"[{job.teacher} -> {job.name}, {job.method_name}, seed {job.seed}]"
    return f"[{job.name} {job.role}, seed {job.seed}]"


def _on_device(data: Dataset, part: str, device: torch.device) -> Labelled:
    tensors = data.tensors()
    images = tensors[f"{part}_images"].to(device)
    viewed = ViewedImages(images, data.pad, data.flip, data.mean, data.std)
    return Labelled(viewed, tensors[f"{part}_labels"].to(device))


def _evaluate(job: TrainJob, network: nn.Module, part: str, split: Labelled) -> Score:
    logger.info("%s  evaluates on %d %s images", _label(job), split.images.samples, part)
    return evaluate(network, split.images, split.labels)


def _one_image(split: Labelled) -> Tensor:
    return split.images.take(torch.zeros(1, dtype=torch.int64, device=split.labels.device), 0)


def _teacher(
    targets: Path | None, network: Path | None, images: ViewedImages, device: torch.device
) -> Teacher | None:
    if targets:
        return CachedTeacher(open_noted(targets, images.count, images.samples), device)
    return LiveTeacher(load_network(network, device)) if network else None


def _identity(job: TrainJob, loss_function: str) -> dict[str, Any]:
    """Which run this is."""
    return {
        "role": job.role,
        "name": job.name,
        "architecture": job.architecture,
        "teacher": job.teacher,
        "method": job.method_name,
        "seed": job.seed,
        "epochs": job.recipe.epochs,
        "loss_function": loss_function,
    }


def _scored(scores: dict[str, Score], labels: Tensor, teacher_logits: Path | None) -> dict[str, Any]:
    """The last epoch's weights on these splits, and how the test answers compare with truth and teacher."""
    answers = scores["test"].logits
    taught = torch.from_numpy(np.load(teacher_logits, allow_pickle=False)) if teacher_logits else None
    found = {f"{part}_loss": score.loss for part, score in scores.items()}
    found |= {f"{part}_accuracy": score.accuracy for part, score in scores.items()}
    found["ece"] = expected_calibration_error(answers, labels)
    found["agreement"] = None if taught is None else agreement(answers, taught)
    return found


def _selected(network: nn.Module, training: Training, last: Score, test: Labelled) -> dict[str, Any]:
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


if __name__ == "__main__":
    from kd.script import run

    run(
        snakemake.log[0],
        main,
        job=TrainJob.model_validate_json(snakemake.params.cfg),
        **{name: Path(path) for name, path in snakemake.input.items()},
        **{name: Path(path) for name, path in snakemake.output.items()},
        compute=Compute(**snakemake.config["compute"]),
        work=Path(snakemake.config["work"]),
        code=snakemake.params.code,
    )
