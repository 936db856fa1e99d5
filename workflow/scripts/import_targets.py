"""Import the user's logits of every view that students of one seed see, as the targets of any teacher."""

from pathlib import Path

import numpy as np

from kd.data.dataset import read_dataset
from kd.data.rows import Rows
from kd.errors import UserError
from kd.io.files import digest
from kd.io.log import logger
from kd.jobs.teachers import LogitsTargetsJob
from kd.teachers.logits import read_user_logits, training_logits
from kd.teachers.targets import open_table, write_note


def main(
    job: LogitsTargetsJob, code: str, dataset: Path, logits: Path, table_folder: Path, note: Path
) -> None:
    """Write all that `logits` (.npz) holds into the table in `table_folder`, and `note` for this run.

    `code`: fingerprint of what writes it. Raises UserError naming the file if what the run needs is not
    there, or not finite in float16.
    """
    data = read_dataset(dataset, job.augmentation)
    views = training_logits(read_user_logits(logits, job.sha256, data), logits, data)
    samples = len(data.train_labels)
    needed = Rows(data.augmentation, job.seed, samples).needed(job.epochs)
    if (missing := needed & np.isnan(views).any(axis=2)).any():
        view, sample = np.argwhere(missing)[0]
        raise UserError(
            f"{logits}: train_logits lack {missing.sum()} of the {needed.sum()} views that students of seed"
            f" {job.seed} see in {job.epochs} epochs, the first is sample {sample} in view {view}"
        )
    with np.errstate(over="ignore"):
        table_rows = views.astype(np.float16)
    if np.isinf(table_rows).any():
        raise UserError(f"{logits}: some train_logits are not finite in float16; they must be below 65,504")
    key = digest(f"{code}\0{job.sha256}", dataset)
    with open_table(table_folder, key, views.shape) as table:
        table[:] = table_rows
    write_note(note, table_folder, key, needed)
    logger.info("%s: %d views of %d samples", logits, len(views), samples)


if __name__ == "__main__":
    from kd.runtime.script import run

    run(snakemake, main)
