"""Writes the card of a prepared data set: what it holds, and where it comes from."""

from pathlib import Path

from kd.data.card import compare, origin, summarise
from kd.data.dataset import as_arrays, read_dataset
from kd.io.files import read_json, write_json
from kd.jobs.data import CardJob


def main(job: CardJob, dataset: Path, notes: Path, summary: Path) -> None:
    """Write `summary` (JSON) of the prepared `dataset`, with the `notes` (JSON) on its images.

    Raises UserError naming a file that is not whole.
    """
    data = as_arrays(read_dataset(dataset, job.augmentation))
    # The published statistics are of all training images, before some are kept for validation.
    published = compare(job.constants.get("PUBLISHED"), data.train_images, data.validation_images)
    card = {**origin(job.constants, job.files, job.listing), "published": published}
    card |= {"listing": job.listing, "job": job.job, "notes": read_json(notes)}
    write_json(summary, {"dataset": job.name, **summarise(data), **card})


if __name__ == "__main__":
    from kd.runtime.script import run

    run(snakemake, main)
