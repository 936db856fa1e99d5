"""Run a teacher over everything that its students of one seed will see, and store its logits."""

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch

from kd.data.dataset import read_dataset
from kd.data.loader import load_split
from kd.data.rows import Rows
from kd.data.views import ViewedImages
from kd.errors import UserError
from kd.evaluation.inference import largest_batch, logits_of
from kd.evaluation.side_by_side import side_by_side
from kd.io.files import digest
from kd.io.log import logger
from kd.jobs.teachers import TargetsJob
from kd.monitor.progress import ProgressFile, clock_time
from kd.networks.checkpoint import load_network
from kd.runtime.allocator import share_heap
from kd.runtime.device import device_name, memory_explained
from kd.runtime.ranks.group import ALONE, Ranks
from kd.runtime.ranks.run import run_on_devices
from kd.runtime.speed import Speed, choose_speed
from kd.settings.compute import Compute
from kd.teachers.encoding import Encoding
from kd.teachers.size import LEAST
from kd.teachers.store import Filling, open_store, store_key
from kd.teachers.targets import write_note

EVERY = 5.0  # seconds between two progress lines
BATCH = 128  # images that count as a step when it is decided whether they are enough to compile for
CHUNK = 2**24  # bytes that a GPU computes before they are written; a CPU writes sooner, LEAST entries


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
    at_once: int = 1,
    progress: Path | None = None,
) -> None:
    """Add to the teacher's store in `table_folder` what `job` needs and it lacks; then write `note`.

    `code` is the fingerprint of the code that fills it: a store made by other code is not added to.
    `at_once`: batches that are computed at the same time, by compute.threads cores each; on a CPU alone.
    Raises UserError if the teacher's logits are not finite in float16, or the disk has no room for them.
    """
    folders = table_folder, note
    work = partial(cache, job, code, dataset, teacher_model, *folders, compute, at_once, progress)
    run_on_devices(compute, work)


def cache(
    job: TargetsJob,
    code: str,
    dataset: Path,
    teacher_model: Path,
    table_folder: Path,
    note: Path,
    compute: Compute,
    at_once: int,
    progress: Path | None,
    ranks: Ranks,
    where: torch.device,
) -> None:
    """As `main`, on the device `where`; several `ranks` fill the store as several jobs do."""
    data = read_dataset(dataset, job.augmentation)
    images = load_split(data, "train", where, compute.stream).images
    rows = Rows(images.augmentation, job.seed, images.samples)
    encoding = Encoding(len(data.classes), job.top_k)
    network = load_network(teacher_model, where)
    label = f"[targets of {teacher_model.parent.name}, seed {job.seed}]"
    precision = choose_speed(compute, where, 0, training=False).precision
    # The one store that this code makes from these files, on such a device, in this precision.
    made = digest(f"{code}\0{job.to_json('augmentation', 'top_k')}", dataset, teacher_model)
    key = store_key(made, f"{where.type}-{precision}", rows)
    filling = Filling(open_store(table_folder, key, images.samples, encoding), rows.needed(job.epochs))
    filling.check_disk()
    ranks.wait()  # so that all begin with the same
    speed = choose_speed(compute, where, filling.missing // BATCH, training=False)
    counts = label, filling.needed, filling.missing
    logger.info("%s  %d views needed, %d to be computed on %s", *counts, device_name(where))
    logger.info("%s  %s", label, speed.reason)
    at_once = at_once if where.type == "cpu" and ranks.count == 1 else 1
    if at_once > 1:
        share_heap()
        logger.info("%s  %d batches at once", label, at_once)
    with ProgressFile(progress if ranks.first else None, label) as shown:
        fill(filling, network, images, rows, speed, label, shown, ranks, at_once)
    ranks.wait()
    if ranks.first:
        filling.look()
        write_note(note, filling, speed.used(where))


def fill(
    filling: Filling,
    network: torch.nn.Module,
    images: ViewedImages,
    rows: Rows,
    speed: Speed,
    label: str,
    progress: ProgressFile,
    ranks: Ranks = ALONE,
    at_once: int = 1,
) -> None:
    """Compute the targets that are missing, and add them to the store chunk by chunk.

    Beside others that fill it. What is cut off loses the chunk at hand, and goes on from there. Of a chunk
    `at_once` batches are computed at the same time; no bit depends on how many.
    Raises UserError if a logit is not finite in float16.
    """
    started = reported = time.monotonic()
    whole, encoding = filling.missing, filling.store.encoding
    batch = largest_batch(network, images, images.device)
    count, network = _chunk(batch, images, encoding), speed.compiled(network)

    def encoded(positions: np.ndarray) -> Iterator[dict[str, torch.Tensor]]:
        with speed.autocast(images.device):
            for logits in _logits(network, images, rows, positions):
                yield encoding.encode(logits)

    threads = 1 if speed.compile else at_once  # the first chunk compiles, once for all threads
    for positions in filling.parts(count):
        batches = side_by_side(encoded, _shares(positions, batch, threads))
        threads = at_once
        arrays = {name: np.concatenate([batch[name].cpu() for batch in batches]) for name in encoding.fields}
        if not all(np.isfinite(array).all() for array in arrays.values()):
            raise UserError(
                f"{label} some logits are not finite in float16; train the teacher with a lower lr"
            )
        filling.add(positions, arrays)
        ranks.stop_if_asked()
        now, done = time.monotonic(), whole - filling.missing
        left = (now - started) * (whole / done - 1)
        progress.update(share=done / whole, left=left)
        if now - reported > EVERY or done == whole:
            reported = now
            logger.info("%s  %d of %d  ETA %s", label, done, whole, clock_time(left))


def _chunk(batch: int, images: ViewedImages, encoding: Encoding) -> int:
    """Entries that are written at once: of whole batches, because each batch is filled up."""
    wanted = LEAST if images.device.type == "cpu" else max(LEAST, CHUNK // encoding.bytes)
    return batch * max(1, wanted // batch)


def _shares(positions: np.ndarray, batch: int, count: int) -> list[np.ndarray]:
    """The positions in up to `count` parts of whole batches, as equal as can be."""
    batches = -(-len(positions) // batch)
    cuts = [batch * (batches * number // count) for number in range(1, count)]
    return [share for share in np.split(positions, cuts) if len(share)]


def _logits(
    network: torch.nn.Module, images: ViewedImages, rows: Rows, positions: np.ndarray
) -> Iterator[torch.Tensor]:
    """Of the entries at these positions, batch by batch."""
    numbers, samples = np.divmod(positions, rows.samples)
    shown = rows.shown(numbers, samples).to(images.device)
    # Whole batches: a store must not depend on which seed's job came first.
    return logits_of(network, images, torch.from_numpy(samples).to(images.device), shown, whole=True)


if __name__ == "__main__":
    from kd.runtime.script import run

    run(snakemake, main)
