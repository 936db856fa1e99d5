"""Train one network, in any role: a teacher, a student alone, or a student of a teacher."""

import logging
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from kd.catalog import build_network
from kd.checkpoint import load_network, save_network
from kd.chosen import read_values, with_values
from kd.combined import build_methods
from kd.compute import Compute
from kd.contract import Distillation, Given
from kd.data import PARTS, read_dataset
from kd.device import device_name, set_up
from kd.ending import Ending
from kd.engine import Diverged, fit
from kd.errors import UserError
from kd.files import digest, write_array, write_json
from kd.job import TrainJob
from kd.limits import check_batch, check_image, check_memory, memory_explained
from kd.metrics import Score, count_macs, count_parameters, evaluate
from kd.outcome import identity, scored, selected
from kd.provenance import commit, versions
from kd.resume import Checkpoints
from kd.runlog import RunLog, write_history
from kd.speed import choose_speed
from kd.splits import labelled
from kd.targets import needed_views, open_noted
from kd.teacher import CachedTeacher, LiveTeacher, Teacher
from kd.views import Labelled, ViewedImages

logger = logging.getLogger("kd")


def main(
    job: TrainJob,
    dataset: Path,
    model: Path | None,
    metrics: Path,
    history: Path,
    test_logits: Path | None,
    board: Path | None,
    *,
    teacher_model: Path | None = None,
    teacher_logits: Path | None = None,
    targets: Sequence[Path] = (),
    chosen: Path | None = None,
    compute: Compute = Compute(),
    work: Path | None = None,
    code: str = "",
) -> None:
    """Train by `job` on `dataset` and write the network, its metrics, history, test logits and events.

    With the notes `targets`, one for each network that its teacher is made of, a student reads stored logits,
    otherwise it runs `teacher_model`.
    `teacher_logits` are the teacher's on the test set, for the agreement. Losses are means in nats,
    accuracies, agreement and calibration error in percent. What is evaluated at the end is in float32.
    The file `chosen` has values that a sweep chose, which take the place of the job's. A trial of a sweep is
    never shown the test set, and writes `metrics` and `history` alone: the other three are None.
    With the folder `work` a training that was cut off goes on where it was, if its configuration, its input
    files and `code`, the fingerprint of what it runs, are the same.
    """
    started = time.perf_counter()
    where = set_up(compute)
    values = read_values(chosen) if chosen else {}
    job = with_values(job, values)
    data = read_dataset(dataset)
    parts = [part for part in PARTS if part != "test" or job.role != "trial"]
    splits = {part: labelled(data, part, where, compute.stream) for part in parts}
    samples = splits["train"].images.samples
    check_batch(job.recipe.batch_size, samples)
    shape = {"in_channels": data.train_images.shape[3], "num_classes": len(data.classes)}
    build = partial(build_network, job.architecture, job.options, **shape)
    check_memory(build, where)
    # Before the network: its first weights are drawn here. Seeds are below 2**31, so no two draws are alike.
    torch.manual_seed(job.seed + 2**31 * job.draw)
    network = build()
    if hasattr(network, "load_pretrained"):  # of a library; what is read from a file later has weights
        network.load_pretrained()
    network.to(device=where, memory_format=torch.channels_last)
    image = (shape["in_channels"], *data.train_images.shape[1:3])
    check_image(network, job.architecture, image, where)
    method = build_methods(job.methods)
    if targets and method.preliminary:
        raise UserError("targets: none are stored for epochs that a method has before the recipe's; use live")
    taught_by = load_network(teacher_model, where) if teacher_model and not targets else None
    known = image, shape["num_classes"], splits["train"].labels, job.recipe.epochs
    method.prepare(Given(network, taught_by, *known, members=len(job.weights)))
    method.to(where)
    network.to(device=where, memory_format=torch.channels_last)  # and what the method may have given it
    epochs = method.preliminary + job.recipe.epochs
    speed = choose_speed(compute, where, epochs * -(-samples // job.recipe.batch_size))
    logger.info("%s  starts on %s: %s", _label(job), device_name(where), method.describe())
    logger.info("%s  %s", _label(job), speed.reason)

    ending = Ending()
    checkpoints = None
    if work:
        # Named by all that the training is made from, so that nothing else ever goes on from its state.
        inputs = [path for path in (dataset, teacher_model, *targets) if path]
        folder = work / digest(f"{job.to_json()}\0{code}", *inputs)
        checkpoints = Checkpoints(folder, compute.checkpoint_seconds, ending)
    told = RunLog(_label(job), epochs, samples, board)
    try:
        with told as log, ending.noticed(), memory_explained(where):
            training = fit(
                network,
                method,
                splits["train"],
                splits["validation"],
                job.recipe,
                seed=job.seed,
                teacher=_teacher(job, targets, taught_by, splits["train"].images, method),
                speed=speed,
                watcher=log,
                checkpoints=checkpoints,
            )
    except Diverged as error:
        if job.role != "trial":
            raise
        # It has had its chance; the other trials go on.
        logger.warning("%s  cannot be chosen: %s", _label(job), error)
        write_history(history, [])
        nothing = dict.fromkeys(("validation_loss", "validation_accuracy"))
        write_json(metrics, identity(job, method.describe(), values) | nothing | {"diverged": str(error)})
        if checkpoints:
            checkpoints.remove()
        return

    write_history(history, training.history)
    results = identity(job, method.describe(), values)
    results |= {key: training.history[-1][key] for key in ("validation_loss", "validation_accuracy")}
    if job.role != "trial":
        scores = {part: _evaluate(job, network, part, splits[part]) for part in ("train", "test")}
        about = {"architecture": job.architecture, "options": job.options, **shape}
        save_network(model, network.state_dict(), **about, changes=method.changes)
        write_array(test_logits, scores["test"].logits.numpy())
        results |= (
            scored(scores, data.test_labels, teacher_logits)
            | selected(network, training, scores["test"], splits["test"])
            | {
                "parameters": count_parameters(network),
                "macs": count_macs(network, _one_image(splits["test"])),
            }
        )
    results |= {
        "seconds": training.earlier + time.perf_counter() - started,
        "device": device_name(where),
        "versions": versions(job.architecture),
        "commit": commit(),
    }
    write_json(metrics, results)
    if checkpoints:
        checkpoints.remove()
    part = "validation" if job.role == "trial" else "test"
    logger.info("%s  done: %s accuracy %.2f %%", _label(job), part, results[f"{part}_accuracy"])


def _label(job: TrainJob) -> str:
    """How a run is called in the log, where several runs write at once."""
    if job.role == "distilled":
        return f"[{job.teacher} -> {job.name}, {job.method_name}, seed {job.seed}]"
    if job.role == "trial":
        return f"[{job.teacher} -> {job.name}, trial of {job.method_name}, seed {job.seed}]"
    return f"[{job.name} {job.role}, seed {job.seed}]"


def _evaluate(job: TrainJob, network: nn.Module, part: str, split: Labelled) -> Score:
    logger.info("%s  evaluates on %d %s images", _label(job), split.images.samples, part)
    return evaluate(network, split.images, split.labels)


def _one_image(split: Labelled) -> Tensor:
    return split.images.take(torch.zeros(1, dtype=torch.int64, device=split.labels.device), 0)


def _teacher(
    job: TrainJob,
    targets: Sequence[Path],
    network: nn.Module | None,
    images: ViewedImages,
    method: Distillation,
) -> Teacher | None:
    if targets:
        needed = needed_views(job.seed, job.recipe.epochs, images.samples, images.count)
        return CachedTeacher([open_noted(note, needed) for note in targets], images.device, job.weights)
    return LiveTeacher(network, stages="stages" in method.NEEDS) if network else None


if __name__ == "__main__":
    from kd.script import run

    run(
        snakemake.log[0],
        main,
        job=TrainJob.model_validate_json(snakemake.params.cfg),
        **{name: Path(path) for name, path in snakemake.input.items() if name != "targets"},
        targets=[Path(path) for path in snakemake.input.get("targets", [])],
        **dict.fromkeys(("model", "test_logits", "board"))  # which a trial has not
        | {name: Path(path) for name, path in snakemake.output.items()},
        compute=Compute(**snakemake.config["compute"]),
        work=Path(snakemake.config["work"]),
        code=snakemake.params.code,
    )
