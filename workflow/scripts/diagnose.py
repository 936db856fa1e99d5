"""Look closely at a teacher, a student alone or a distilled student, over all its seeds."""

import logging
from collections.abc import Sequence
from pathlib import Path

from kd.checkpoint import load_network
from kd.compute import Compute
from kd.data import read_dataset
from kd.device import set_up
from kd.diagnosis.cell import Taught, diagnose
from kd.diagnosis.job import DiagnosisJob
from kd.diagnosis.logits import open_logits
from kd.diagnosis.page import to_page
from kd.diagnosis.pictures import pictures
from kd.diagnosis.taught import write_given_logits, write_training_logits
from kd.files import read_json, write_json, write_text
from kd.limits import memory_explained
from kd.splits import labelled

logger = logging.getLogger("kd")


def main(
    job: DiagnosisJob,
    dataset: Path,
    metrics: Path,
    test_logits: Sequence[Path],
    diagnosis: Path,
    page: Path,
    *,
    models: Sequence[Path] = (),
    alone_logits: Sequence[Path] = (),
    teacher_test: Path | None = None,
    teacher_train: Path | None = None,
    teacher_model: Path | None = None,
    train_logits: Path | None = None,
    given: Path | None = None,
    compute: Compute = Compute(),
) -> None:
    """Write the diagnosis of a cell as JSON and as a page, from what its runs left behind.

    `test_logits`, `models` and `alone_logits` (of the same student without a teacher) are of each seed of the
    job, `metrics` of the first. `teacher_test` and `teacher_train` are logits of the teacher. A teacher's own
    are written to `train_logits`, (samples, classes) float32 of the training images as they are: computed by
    its network, or taken from the user's file `given`, and (0, classes) where that lacks them.
    Raises UserError naming the file that is not whole.
    """
    # A job in which no network runs needs no GPU, and must not wait for one.
    runs = bool(models) and (train_logits or teacher_train or teacher_model)
    where = set_up(compute if runs else compute.model_copy(update={"device": "cpu"}))
    data = read_dataset(dataset)
    with memory_explained(where):
        if train_logits and models:
            images = labelled(data, "train", where, compute.stream).images
            write_training_logits(train_logits, load_network(models[0], where), images, len(data.classes))
        elif train_logits:
            write_given_logits(train_logits, given, job.sha256, data)
        taught = Taught(
            teacher_test and open_logits(teacher_test, len(data.test_labels), len(data.classes)),
            teacher_train and open_logits(teacher_train, len(data.train_labels), len(data.classes)),
            teacher_model,
        )
        found = diagnose(job, data, test_logits, models, alone_logits, taught, where, compute.stream)
    write_json(diagnosis, found)
    write_text(page, to_page(found, read_json(metrics), pictures(found, data.test_images)))
    logger.info("%s  diagnosed, %d of %d runs", job.label, len(found["runs"]), len(job.seeds))


if __name__ == "__main__":
    from kd.script import run

    job = DiagnosisJob.model_validate_json(snakemake.params.cfg)
    several = ("test_logits", "models", "alone_logits")
    given = snakemake.config["given"].get(job.name) if job.sha256 else None
    run(
        snakemake.log[0],
        main,
        job=job,
        **{name: Path(path) for name, path in snakemake.input.items() if name not in several},
        **{name: [Path(path) for path in snakemake.input.get(name, [])] for name in several},
        **{name: Path(path) for name, path in snakemake.output.items()},
        given=given and Path(given).expanduser(),
        compute=Compute(**snakemake.config["compute"]),
    )
