"""Run a teacher over everything that its students of one seed will see, and keep its logits."""

import logging
import time
from pathlib import Path

import numpy as np
import torch

from kd.checkpoint import load_network
from kd.data import read_dataset
from kd.device import device_name, pick_device, set_up
from kd.errors import UserError
from kd.job import TargetsJob
from kd.metrics import batch_without_gradients
from kd.runlog import duration
from kd.targets import needed_views, open_for_filling, table_key, write_note
from kd.views import ViewedImages

logger = logging.getLogger("kd")
EVERY = 5.0  # seconds between two progress lines


def main(
    job: TargetsJob,
    code: str,
    dataset: Path,
    teacher_model: Path,
    table_folder: Path,
    note: Path,
    *,
    device: str = "auto",
    threads: int = 1,
    deterministic: bool = True,
) -> None:
    """Fill the teacher's table in `table_folder` with what `job` needs and it lacks; then write `note`.

    `code` is the fingerprint of the code that fills it: a table made by other code is not added to.
    Raises UserError if the teacher's logits are not finite in float16.
    """
    where = pick_device(device)
    set_up(where, threads=threads, deterministic=deterministic)
    data = read_dataset(dataset)
    images = ViewedImages(data.train_images.to(where), data.pad, data.flip, data.mean, data.std)
    needed = needed_views(job.seed, job.epochs, images.samples, images.count)
    network = load_network(teacher_model, where)
    label = f"[targets of {teacher_model.parent.name}, seed {job.seed}]"
    key = table_key(code, dataset, teacher_model)
    shape = (images.count, images.samples, len(data.classes))
    with open_for_filling(table_folder, key, shape) as table:
        missing = needed & np.isnan(table).any(axis=2)
        told = (label, needed.sum(), missing.sum(), device_name(where))
        logger.info("%s  %d views needed, %d to be computed on %s", *told)
        _fill(table, missing, network, images, where, label)
    write_note(note, table_folder, key)


def _fill(
    table: np.ndarray,
    missing: np.ndarray,
    network: torch.nn.Module,
    images: ViewedImages,
    device: torch.device,
    label: str,
) -> None:
    views, samples = np.nonzero(missing)
    started = told = time.monotonic()
    size = batch_without_gradients(images)
    for first in range(0, len(views), size):
        view, sample = views[first : first + size], samples[first : first + size]
        # Always a whole batch: the last bits of an answer depend on the size of its batch (though not on
        # the others in it), and a table must not depend on which seed's job came first.
        whole = np.resize(np.arange(len(view)), size)
        indices = torch.from_numpy(np.stack([sample[whole], view[whole]])).to(device)
        with torch.inference_mode():
            logits = network(images.take(*indices))[: len(view)].half().cpu().numpy()
        if not np.isfinite(logits).all():
            raise UserError(
                f"{label} some logits are not finite in float16; train the teacher with a lower lr"
            )
        table[view, sample] = logits
        now, done = time.monotonic(), first + len(view)
        if now - told > EVERY or done == len(views):
            told, left = now, (now - started) * (len(views) / done - 1)
            logger.info("%s  %d of %d  left %s", label, done, len(views), duration(left))


if __name__ == "__main__":
    from kd.script import run

    run(
        snakemake.log[0],
        main,
        job=TargetsJob.model_validate_json(snakemake.params.cfg),
        code=snakemake.params.code,
        dataset=Path(snakemake.input.dataset),
        teacher_model=Path(snakemake.input.teacher_model),
        table_folder=Path(snakemake.params.table_folder),
        note=Path(snakemake.output.note),
        **snakemake.config["compute"],
    )
