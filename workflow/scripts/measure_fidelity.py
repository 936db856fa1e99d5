"""Run the students of a teacher and method over the training images, beside what their teacher says."""

import logging
from collections.abc import Sequence
from pathlib import Path

from kd.data.dataset import read_dataset
from kd.data.loader import load_split
from kd.evaluation.fidelity import fidelity_on
from kd.evaluation.logits import open_logits
from kd.io.files import write_json
from kd.jobs.diagnosis import ComparisonJob
from kd.networks.checkpoint import load_network
from kd.runtime.device import set_up_device
from kd.runtime.memory import memory_explained
from kd.settings.compute import Compute

logger = logging.getLogger("kd")


def main(
    job: ComparisonJob,
    dataset: Path,
    teacher_train: Path,
    models: Sequence[Path],
    fidelity: Path,
    *,
    compute: Compute = Compute(),
) -> None:
    """Write how faithful each is on the training images as they are.

    `models` are of each seed of the job. Where their teacher has no logits of these images no network runs,
    and null stands for each. Raises UserError naming the file that is not whole.
    """
    data = read_dataset(dataset)
    taught = open_logits(teacher_train, len(data.train_labels), len(data.classes))
    found = [None for _ in models]
    if taught is not None:
        where = set_up_device(compute)
        with memory_explained(where):
            images = load_split(data, "train", where, compute.stream).images
            found = [fidelity_on(load_network(model, where), images, taught) for model in models]
    runs = [{"seed": seed, "train": each} for seed, each in zip(job.seeds, found, strict=True)]
    write_json(fidelity, {"runs": runs})
    logger.info("%s  beside its teacher on %d training images", job.label, len(data.train_labels))


if __name__ == "__main__":
    from kd.runtime.script import run

    run(
        snakemake.log[0],
        main,
        job=ComparisonJob.model_validate_json(snakemake.params.cfg),
        dataset=Path(snakemake.input.dataset),
        teacher_train=Path(snakemake.input.teacher_train),
        models=[Path(path) for path in snakemake.input.models],
        fidelity=Path(snakemake.output.fidelity),
        compute=Compute(**snakemake.config["compute"]),
    )
