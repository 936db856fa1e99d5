"""Measure the fidelity of the students of a teacher and method on the training images."""

from pathlib import Path

from kd.data.dataset import read_dataset
from kd.data.loader import load_split
from kd.evaluation.fidelity import fidelity_on
from kd.evaluation.logits import open_logits
from kd.io.files import write_json
from kd.io.log import logger
from kd.jobs.diagnosis import ComparisonJob
from kd.networks.checkpoint import load_network
from kd.runtime.device import memory_explained, set_up_device
from kd.settings.compute import Compute


@memory_explained()
def main(
    job: ComparisonJob,
    dataset: Path,
    teacher_train: Path,
    models: list[Path],
    fidelity: Path,
    *,
    compute: Compute = Compute(),
) -> None:
    """Write the fidelity of each on the training images as they are.

    `models` are of each seed of the job. Where their teacher has no logits of these images no network runs,
    and null stands for each. Raises UserError naming the file that is not whole.
    """
    data = read_dataset(dataset)
    teacher = open_logits(teacher_train, len(data.train_labels), len(data.classes))
    values = [None for _ in models]
    if teacher is not None:
        where = set_up_device(compute)
        images = load_split(data, "train", where, compute.stream).images
        values = [fidelity_on(load_network(model, where), images, teacher) for model in models]
    runs = [{"seed": seed, "train": value} for seed, value in zip(job.seeds, values, strict=True)]
    write_json(fidelity, {"runs": runs})
    logger.info("%s  beside its teacher on %d training images", job.label, len(data.train_labels))


if __name__ == "__main__":
    from kd.runtime.script import run

    run(snakemake, main)
