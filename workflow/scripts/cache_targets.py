"""Run a teacher once over everything that its students will see, and keep its logits."""

import logging
import time
from pathlib import Path

import numpy as np
import torch

from kd.checkpoint import load_network
from kd.data import read_dataset
from kd.device import device_name, pick_device, set_up
from kd.errors import UserError
from kd.files import whole
from kd.job import TargetsJob
from kd.runlog import duration
from kd.views import ViewedImages, views_seen

logger = logging.getLogger("kd")
BATCH = 1000  # images a step; without gradients the activations of one layer at a time are all it holds
EVERY = 5.0  # seconds between two progress lines


def main(
    job: TargetsJob,
    dataset: Path,
    teacher_model: Path,
    targets: Path,
    *,
    device: str = "auto",
    threads: int = 1,
    deterministic: bool = True,
) -> None:
    """Write `targets`: (views, samples, classes) float16 logits, NaN where no run of `job` looks."""
    where = pick_device(device)
    set_up(where, threads=threads, deterministic=deterministic)
    data = read_dataset(dataset)
    images = ViewedImages(data.train_images.to(where), data.pad, data.flip, data.mean, data.std)
    needed = needed_views(job.epochs, images.samples, images.count)
    network = load_network(teacher_model, where)
    label = f"[targets of {teacher_model.parent.name}]"
    logger.info("%s  %d of %d views on %s", label, needed.sum(), needed.size, device_name(where))
    with whole(targets) as temporary:
        shape = (images.count, images.samples, len(data.classes))
        table = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.float16, shape=shape)
        table[:] = np.nan
        _fill(table, needed, network, images, where, label)
        table.flush()


def needed_views(epochs: dict[int, int], samples: int, views: int) -> np.ndarray:
    """Which (view, sample) students of these seeds and numbers of epochs see: (views, samples) bool."""
    needed = np.zeros((views, samples), dtype=bool)
    for seed, count in epochs.items():
        for epoch in range(count):
            needed[views_seen(seed, epoch, samples, views), np.arange(samples)] = True
    return needed


def _fill(
    table: np.ndarray,
    needed: np.ndarray,
    network: torch.nn.Module,
    images: ViewedImages,
    device: torch.device,
    label: str,
) -> None:
    views, samples = np.nonzero(needed)
    started = told = time.monotonic()
    for first in range(0, len(views), BATCH):
        view, sample = views[first : first + BATCH], samples[first : first + BATCH]
        with torch.inference_mode():
            batch = images.take(torch.from_numpy(sample).to(device), torch.from_numpy(view).to(device))
            logits = network(batch).half().cpu().numpy()
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
        dataset=Path(snakemake.input.dataset),
        teacher_model=Path(snakemake.input.teacher_model),
        targets=Path(snakemake.output.targets),
        **snakemake.config["compute"],
    )
