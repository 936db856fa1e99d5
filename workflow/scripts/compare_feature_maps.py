"""Compare the feature maps of the students of a teacher and method with their teacher's, on test images."""

from pathlib import Path

from kd.data.dataset import read_dataset
from kd.data.loader import load_split
from kd.evaluation.cka import similarities, stage_grams
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
    teacher_model: Path,
    models: list[Path],
    cka: Path,
    *,
    compute: Compute = Compute(),
) -> None:
    """Write the CKA of the feature maps of each stage; null where a network has none.

    `models` are of each seed of the job. Raises UserError naming the file that is not whole.
    """
    where = set_up_device(compute)
    data = read_dataset(dataset)
    images = load_split(data, "test", where, compute.stream).images
    teacher = stage_grams(load_network(teacher_model, where), images)
    values = [similarities(teacher, stage_grams(load_network(model, where), images)) for model in models]
    runs = [{"seed": seed, "cka": cka} for seed, cka in zip(job.seeds, values, strict=True)]
    write_json(cka, {"runs": runs})
    logger.info("%s  feature maps compared with those of its teacher", job.label)


if __name__ == "__main__":
    from kd.runtime.script import run

    run(snakemake, main)
