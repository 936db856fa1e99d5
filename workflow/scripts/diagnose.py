"""Diagnose a teacher, a baseline or a distilled student, over all its seeds."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kd.data.dataset import read_dataset
from kd.evaluation.diagnosis import Cell
from kd.io.files import read_json, write_json
from kd.io.log import logger
from kd.jobs.diagnosis import DiagnosisJob
from kd.runtime.device import set_up_device
from kd.settings.compute import Compute


def main(
    job: DiagnosisJob,
    dataset: Path,
    test_logits: Sequence[Path],
    validation_logits: Sequence[Path],
    diagnosis: Path,
    *,
    baseline_logits: Sequence[Path] = (),
    teacher_test: Path | None = None,
    fidelity: Path | None = None,
    cka: Path | None = None,
    compute: Compute = Compute(),
) -> None:
    """Write the diagnosis of a cell, from files alone: it needs no GPU, and must not wait for one.

    `test_logits`, `validation_logits` and `baseline_logits` (of the same student without a teacher) are of
    each seed of the job, `teacher_test` are those of the teacher; `fidelity` and `cka` are what
    measure_fidelity and compare_feature_maps wrote. Raises UserError naming the file that is not whole.
    """
    set_up_device(compute.model_copy(update={"device": "cpu"}))
    data = read_dataset(dataset)
    cell = Cell(
        job=job,
        labels=data.test_labels.numpy(),
        classes=data.classes,
        logits=test_logits,
        validation_labels=data.validation_labels.numpy(),
        validation=validation_logits,
        baseline=baseline_logits,
        teacher=teacher_test,
        fidelity=fidelity and _by_seed(fidelity, "train"),
        cka=cka and _by_seed(cka, "cka"),
    )
    results = cell.diagnosis()
    write_json(diagnosis, results)
    if not results["validation_images"]:
        logger.info("%s  no temperature scaling: there is no validation split", job.label)
    logger.info("%s  diagnosed, %d of %d runs", job.label, len(results["runs"]), len(job.seeds))


def _by_seed(path: Path, key: str) -> dict[int, Any]:
    return {run["seed"]: run[key] for run in read_json(path)["runs"]}


if __name__ == "__main__":
    from kd.runtime.script import run

    run(snakemake, main)
