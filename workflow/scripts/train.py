"""Train one network, in any role: a teacher, a student alone, or a student of a teacher."""

import logging
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from kd.cast import cast_of, teacher_of
from kd.checkpoint import save_network
from kd.chosen import read_values, with_values
from kd.compute import Compute
from kd.data import PARTS, read_dataset
from kd.device import device_name, set_up
from kd.ending import Ending
from kd.engine import Diverged, fit
from kd.files import digest, write_array, write_json
from kd.job import TrainJob
from kd.limits import check_batch, memory_explained
from kd.live.board import opened_board
from kd.live.progress import ProgressFile, beside_log
from kd.live.runlog import RunLog
from kd.metrics import Score, count_macs, count_parameters, evaluate
from kd.outcome import diverged, identity, scored, selected, write_history
from kd.provenance import commit, versions
from kd.resume import Checkpoints
from kd.speed import choose_speed
from kd.splits import labelled
from kd.views import Labelled

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
    progress: Path | None = None,
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
    files and `code`, the fingerprint of what it runs, are the same. The file `progress` says how far it is.
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
    cast = cast_of(job, data, where, teacher_model, stored=bool(targets))
    network, method = cast.network, cast.method
    epochs = method.preliminary + job.recipe.epochs
    speed = choose_speed(compute, where, epochs * -(-samples // job.recipe.batch_size))
    logger.info("%s  starts on %s: %s", job.label, device_name(where), method.describe())
    logger.info("%s  %s", job.label, speed.reason)

    ending = Ending()
    checkpoints = None
    if work:
        # Named by all that the training is made from, so that nothing else ever goes on from its state.
        inputs = [path for path in (dataset, teacher_model, *targets) if path]
        folder = work / digest(f"{job.to_json()}\0{code}", *inputs)
        checkpoints = Checkpoints(folder, compute.checkpoint_seconds, ending)
    shown, images = ProgressFile(progress, job.label), splits["train"].images
    with shown, opened_board(board, job, images) as events:
        told = RunLog(job.label, epochs, samples, events, shown)
        try:
            with ending.noticed(), memory_explained(where):
                training = fit(
                    network,
                    method,
                    splits["train"],
                    splits["validation"],
                    job.recipe,
                    seed=job.seed,
                    teacher=teacher_of(job, cast, targets, images),
                    speed=speed,
                    watcher=told,
                    checkpoints=checkpoints,
                )
        except Diverged as error:
            if job.role != "trial":
                raise
            # It has had its chance; the other trials go on.
            logger.warning("%s  cannot be chosen: %s", job.label, error)
            write_history(history, [])
            write_json(metrics, diverged(identity(job, method.describe(), values), error))
            if checkpoints:
                checkpoints.remove()
            return

        write_history(history, training.history)
        results = identity(job, method.describe(), values)
        results |= {key: training.history[-1][key] for key in ("validation_loss", "validation_accuracy")}
        if job.role != "trial":
            scores = {part: _evaluate(job, network, part, split) for part, split in splits.items()}
            save_network(model, network.state_dict(), **cast.about, changes=method.changes)
            write_array(test_logits, scores["test"].logits.numpy())
            validation = splits["validation"], scores.pop("validation").logits
            results |= (
                scored(scores, data.test_labels, teacher_logits)
                | selected(network, training, scores["test"], splits["test"])
                | {
                    "parameters": count_parameters(network),
                    "macs": count_macs(network, _one_image(splits["test"])),
                }
            )
            if events:
                events.end(results, *validation, data.classes, epochs)
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
    logger.info("%s  done: %s accuracy %.2f %%", job.label, part, results[f"{part}_accuracy"])


def _evaluate(job: TrainJob, network: nn.Module, part: str, split: Labelled) -> Score:
    logger.info("%s  evaluates on %d %s images", job.label, split.images.samples, part)
    return evaluate(network, split.images, split.labels)


def _one_image(split: Labelled) -> Tensor:
    return split.images.take(torch.zeros(1, dtype=torch.int64, device=split.labels.device), 0)


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
        progress=beside_log(snakemake.config["progress"], snakemake.log[0]),
        code=snakemake.params.code,
    )
