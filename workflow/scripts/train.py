"""Train one network, in any role: a teacher, a baseline, or a distilled student."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from kd.data.dataset import read_dataset
from kd.data.loader import load_split
from kd.distillation.combined import build_methods
from kd.io.files import digest
from kd.io.log import logger
from kd.jobs.training import TrainJob
from kd.monitor.log import TrainingLog
from kd.monitor.progress import ProgressFile
from kd.monitor.tensorboard import opened_board
from kd.networks.bf16 import trains_faster_in_bf16
from kd.results.metrics import write_metrics
from kd.roles import TRIAL
from kd.runtime.device import device_name, memory_explained
from kd.runtime.provenance import commit, finished, versions
from kd.runtime.ranks.group import Ranks
from kd.runtime.ranks.run import run_on_devices
from kd.runtime.signals import StopSignal
from kd.runtime.speed import choose_speed
from kd.settings.compute import Compute
from kd.sweep.values import read_values, with_values
from kd.training.checkpoints import kept_until_done
from kd.training.engine import Diverged, fit
from kd.training.outputs import Outputs, describe_run, save_diverged, save_outputs
from kd.training.setup import check_batch, note_slow_average, set_up, teacher_for


@memory_explained()
def main(
    job: TrainJob,
    dataset: Path,
    outputs: Outputs,
    *,
    teacher_model: Path | None = None,
    teacher_logits: Path | None = None,
    targets: Sequence[Path] = (),
    chosen: Path | None = None,
    compute: Compute = Compute(),
    share: int = 1,
    work: Path | None = None,
    progress: Path | None = None,
    code: str = "",
) -> None:
    """Train by `job` on `dataset` and write the network, its metrics, history, logits and events.

    With the notes `targets`, one for each network that its teacher is made of, a student reads cached teacher
    logits, otherwise it runs `teacher_model`.
    `teacher_logits` are the teacher's on the test set, for the agreement. Losses are means in nats,
    accuracies, agreement and calibration error in percent. What is evaluated at the end is in float32.
    Without a validation split nothing is selected, and the measures that need one are null.
    The file `chosen` has values that a sweep chose, which take the place of the job's. A trial of a sweep is
    never shown the test set, and writes metrics and history alone.
    With the folder `work` a training that was cut off goes on where it was, if its configuration, its input
    files, `code`, the fingerprint of what it runs, the kind of device, the precision, the number of GPUs and
    sync_batch_norm are the same. The file `progress` says how far it is.
    `share`: as many times the cores of other jobs are for this one, where compute.threads is auto.
    """
    inputs = Inputs(dataset, teacher_model, teacher_logits, tuple(targets), chosen)
    if compute.threads == "auto":
        compute = compute.model_copy(update={"threads": share})
    if compute.gpus_per_job > 1 and (reason := _why_on_one(job)):
        logger.info("%s  on one GPU: %s", job.label, reason)
        compute = compute.model_copy(update={"gpus_per_job": 1})
    run_on_devices(compute, partial(train, job, inputs, outputs, compute, work, progress, code))


def _why_on_one(job: TrainJob) -> str:
    """Why a training is on one GPU whatever gpus_per_job says, if it is."""
    if build_methods(job.methods).REMEMBERS_SAMPLES:
        return "its method remembers samples, which several do not share"
    return "dot takes two gradients in a step, which several do not average" if job.recipe.dot else ""


@dataclass(frozen=True)
class Inputs:
    """The files that a training reads, see `main`."""

    dataset: Path
    teacher_model: Path | None
    teacher_logits: Path | None
    targets: tuple[Path, ...]
    chosen: Path | None


def train(
    job: TrainJob,
    inputs: Inputs,
    outputs: Outputs,
    compute: Compute,
    work: Path | None,
    progress: Path | None,
    code: str,
    ranks: Ranks,
    where: torch.device,
) -> None:
    """As `main`, on the device `where`; of several `ranks` the first one writes."""
    started = time.perf_counter()
    chosen, targets = inputs.chosen, inputs.targets
    values = read_values(chosen) if chosen else {}
    made_by = {"job": job.digest(code)}
    job = with_values(job, values)
    data = read_dataset(inputs.dataset, job.augmentation)
    parts = [part for part in data.parts if part != "test" or job.role != TRIAL]
    splits = {part: load_split(data, part, where, compute.stream) for part in parts}
    validation = splits.get("validation")
    images = splits["train"].images
    check_batch(job.recipe.batch_size, images.samples, ranks.count)
    note_slow_average(job.label, job.recipe, images.samples)
    with ranks.first_before_others():  # which then find pretrained weights that it has fetched
        synchronised = compute.sync_batch_norm and ranks.count > 1
        setup = set_up(job, data, where, inputs.teacher_model, targets, images, synchronised=synchronised)
    epochs = setup.method.preliminary + job.recipe.epochs
    steps = epochs * -(-images.samples // job.recipe.batch_size)
    shape = (data.train_images.shape[3], *data.train_images.shape[1:3])
    speed = choose_speed(compute, where, steps, bf16_pays=trains_faster_in_bf16(setup.network, shape, where))
    results = describe_run(job, setup.method.describe(), values) | made_by
    device = f"{device_name(where)}{' (CPU)' if where.type == 'cpu' else ''}"
    logger.info("%s  start: loss = %s, %s", job.label, setup.method.describe(), device)
    tuned = "fine-tunes pretrained weights" if job.options.get("pretrained") else "recipe"
    logger.info("%s  %s: %s", job.label, tuned, job.recipe.describe())
    if about_teacher := setup.of_teacher(stored=bool(targets)):
        logger.info("%s  %s", job.label, about_teacher)
    logger.info("%s  %s", job.label, speed.reason)

    # Named by all that the training is made from, so that nothing else ever goes on from its state.
    files = [path for path in (inputs.dataset, inputs.teacher_model, *targets) if path]
    made = f"{job.to_json()}\0{code}\0{where.type} {speed.arithmetic}"
    state = work / digest(made, *files) if work else None
    ending = StopSignal(ranks.stop)
    board, progress = (outputs.board, progress) if ranks.first else (None, None)
    with kept_until_done(state, compute.checkpoint_seconds, ending, writes=ranks.first) as checkpoints:
        with ProgressFile(progress, job.label) as shown, opened_board(board, job, images) as events:
            try:
                with ending.noticed():
                    training = fit(
                        setup.network,
                        setup.method,
                        splits["train"],
                        validation,
                        job.recipe,
                        seed=job.seed,
                        teacher=teacher_for(job, setup, targets, images),
                        speed=speed,
                        callback=TrainingLog(job.label, epochs, images.samples, events, shown),
                        checkpoints=checkpoints,
                        ranks=ranks,
                    )
            except Diverged as error:
                if job.role != TRIAL:
                    raise
                if ranks.first:
                    save_diverged(job, results, error, outputs)
                return
            to = inputs.teacher_logits, outputs, ranks
            ended, logits = save_outputs(job, setup, training, splits, *to)
            results |= ended
            if events:
                events.end(results, epochs)
                if validation:
                    events.mistakes(validation, logits, data.classes, epochs)
        seconds = training.earlier + time.perf_counter() - started
        results |= {
            "seconds": seconds,
            "device": device_name(where),
            "compute": speed.used(where, training.replayed),
        }
        results |= {"versions": versions(job.architecture), "commit": commit(), "finished": finished()}
        if ranks.first:
            write_metrics(outputs.metrics, results)
    part = "validation" if job.role == TRIAL else "test"
    logger.info("%s  done: %s accuracy %.2f %%", job.label, part, results[f"{part}_accuracy"])


if __name__ == "__main__":
    from kd.runtime.script import run

    run(snakemake, main, outputs=Outputs(**{name: Path(path) for name, path in snakemake.output.items()}))
