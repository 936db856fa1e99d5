"""Run a teacher over everything that its students of one seed will see, and cache its logits."""

import json
import time
from pathlib import Path

import numpy as np
import torch

from kd.data.dataset import read_dataset
from kd.data.loader import load_split
from kd.data.rows import Rows
from kd.data.views import ViewedImages
from kd.errors import UserError
from kd.evaluation.inference import logits_of
from kd.io.files import digest
from kd.io.log import logger
from kd.jobs.teachers import TargetsJob
from kd.monitor.progress import ProgressFile, clock_time
from kd.networks.checkpoint import load_network
from kd.runtime.device import device_name, memory_explained, set_up_device
from kd.runtime.speed import Speed, choose_speed
from kd.settings.compute import Compute
from kd.teachers.targets import open_table, write_note

EVERY = 5.0  # seconds between two progress lines
BATCH = 128  # images that count as a step when it is decided whether they are enough to compile for


@memory_explained()
def main(
    job: TargetsJob,
    code: str,
    dataset: Path,
    teacher_model: Path,
    table_folder: Path,
    note: Path,
    *,
    compute: Compute = Compute(),
    progress: Path | None = None,
) -> None:
    """Fill the teacher's table in `table_folder` with what `job` needs and it lacks; then write `note`.

    `code` is the fingerprint of the code that fills it: a table made by other code is not added to.
    Raises UserError if the teacher's logits are not finite in float16.
    """
    where = set_up_device(compute)
    data = read_dataset(dataset, job.augmentation)
    images = load_split(data, "train", where, compute.stream).images
    rows = Rows(images.augmentation, job.seed, images.samples)
    needed = rows.needed(job.epochs)
    network = load_network(teacher_model, where)
    label = f"[targets of {teacher_model.parent.name}, seed {job.seed}]"
    shape = (*needed.shape, len(data.classes))
    # By the size of the whole table, so that whoever fills a part of it computes in the same way.
    speed = choose_speed(compute, where, needed.size // BATCH, training=False)
    shown = json.dumps(job.augmentation, sort_keys=True) if job.augmentation else ""
    # The one table that this code makes from these files, on such a device, in this precision.
    key = f"{digest(code + shown, dataset, teacher_model)}-{where.type}-{speed.precision}"
    with open_table(table_folder, key, shape) as table:
        missing = lacking(table, needed)
        counts = label, needed.sum(), missing.sum()
        logger.info("%s  %d views needed, %d to be computed on %s", *counts, device_name(where))
        logger.info("%s  %s", label, speed.reason)
        with ProgressFile(progress, label) as shown:
            fill(table, missing, network, images, rows, where, speed, label, shown)
    write_note(note, table_folder, key, needed, speed.used(where))


def lacking(table: np.ndarray, needed: np.ndarray) -> np.ndarray:
    """Which of what is `needed`, (rows, samples) bool, the table does not hold: (rows, samples) bool.

    Row by row: of many rows and classes the whole table is larger than memory.
    """
    missing = np.zeros_like(needed)
    for row, wanted, lacks in zip(table, needed, missing, strict=True):
        lacks[wanted] = np.isnan(row[wanted]).any(axis=1)
    return missing


def fill(
    table: np.ndarray,
    missing: np.ndarray,
    network: torch.nn.Module,
    images: ViewedImages,
    rows: Rows,
    device: torch.device,
    speed: Speed,
    label: str,
    progress: ProgressFile,
) -> None:
    """Compute the logits of what is `missing`, (rows, samples) bool, and write them into `table`.

    Each is there as soon as it is computed, so that what is cut off goes on where it was.
    Raises UserError if one is not finite in float16.
    """
    numbers, samples = np.nonzero(missing)
    on_device = torch.from_numpy(samples).to(device), rows.shown(numbers, samples).to(device)
    started = reported = time.monotonic()
    done = 0
    with speed.autocast(device):
        # Whole batches: a table must not depend on which seed's job came first.
        for logits in logits_of(speed.compiled(network), images, *on_device, whole=True):
            now, done = time.monotonic(), done + len(logits)
            here = slice(done - len(logits), done)
            rounded = logits.half().cpu().numpy()
            if not np.isfinite(rounded).all():
                raise UserError(
                    f"{label} some logits are not finite in float16; train the teacher with a lower lr"
                )
            table[numbers[here], samples[here]] = rounded
            left = (now - started) * (len(samples) / done - 1)
            progress.update(share=done / len(samples), left=left)
            if now - reported > EVERY or done == len(samples):
                reported = now
                logger.info("%s  %d of %d  ETA %s", label, done, len(samples), clock_time(left))


if __name__ == "__main__":
    from kd.runtime.script import run

    run(snakemake, main)
