"""Import the user's logits of every view that students of one seed see, as the targets of any teacher."""

from pathlib import Path

import numpy as np
import torch

from kd.data.dataset import read_dataset
from kd.data.rows import Rows
from kd.errors import UserError
from kd.io.files import digest
from kd.io.log import logger
from kd.jobs.teachers import LogitsTargetsJob
from kd.teachers.encoding import Encoding
from kd.teachers.logits import check_classes, read_user_logits, training_logits
from kd.teachers.store import Filling, open_store, store_key
from kd.teachers.targets import write_note

CHUNK = 2**18  # entries that are written at once


def main(
    job: LogitsTargetsJob, code: str, dataset: Path, logits: Path, table_folder: Path, note: Path
) -> None:
    """Add to the store in `table_folder` what `job` needs of `logits` (.npz), and write `note` for this run.

    `code`: fingerprint of what writes it. Raises UserError naming the file if what the run needs is not
    there, or not finite in float16, or if its classes are in another order.
    """
    data = read_dataset(dataset, job.augmentation)
    given = read_user_logits(logits, job.sha256, data)
    views = training_logits(given, logits, data)
    samples = len(data.train_labels)
    rows = Rows(data.augmentation, job.seed, samples)
    needed = rows.needed(job.epochs)
    if (missing := needed & np.isnan(views).any(axis=2)).any():
        view, sample = np.argwhere(missing)[0]
        raise UserError(
            f"{logits}: train_logits lack {missing.sum()} of the {needed.sum()} views that students of seed"
            f" {job.seed} see in {job.epochs} epochs, the first is sample {sample} in view {view}"
        )
    check_classes(given, logits, views, None, data)  # a student may ask for no other job of this teacher
    encoding = Encoding(len(data.classes), job.top_k)
    about = job.to_json("sha256", "augmentation", "top_k")
    key = store_key(digest(f"{code}\0{about}", dataset), "given", rows)
    filling = Filling(open_store(table_folder, key, samples, encoding), needed)
    filling.check_disk()
    for positions in filling.parts(CHUNK):
        arrays = encoding.encode(torch.from_numpy(views.reshape(-1, len(data.classes))[positions]))
        if not all(array.isfinite().all() for array in arrays.values()):
            raise UserError(
                f"{logits}: some train_logits are not finite in float16; they must be below 65,504"
            )
        filling.add(positions, {name: array.numpy() for name, array in arrays.items()})
    write_note(note, filling)
    logger.info("%s: %d views of %d samples", logits, len(views), samples)


if __name__ == "__main__":
    from kd.runtime.script import run

    run(snakemake, main)
