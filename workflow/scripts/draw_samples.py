"""Draws some images of each class of a prepared data set."""

from pathlib import Path

from kd.data.dataset import as_arrays, read_dataset
from kd.plots.samples import write_samples


def main(dataset: Path, samples: Path) -> None:
    """Write `samples` (PNG) of the prepared `dataset`; UserError naming a file that is not whole."""
    data = as_arrays(read_dataset(dataset))
    write_samples(samples, data.train_images, data.train_labels, data.classes)


if __name__ == "__main__":
    from kd.runtime.script import run

    run(snakemake, main)
