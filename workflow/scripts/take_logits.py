"""Take logits of the user's own for a teacher, and say how good they are. No network runs."""

import logging
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from kd.data.dataset import read_dataset
from kd.data.sampler import plain_view
from kd.evaluation.metrics import expected_calibration_error
from kd.io.arrays import write_array
from kd.jobs.teachers import LogitsTeacherJob
from kd.results.metrics import UNKNOWN, write_metrics
from kd.roles import TEACHER
from kd.runtime.device import device_name
from kd.runtime.provenance import commit, versions
from kd.teachers.logits import read_stored, test_logits, training_logits

logger = logging.getLogger("kd")


def main(job: LogitsTeacherJob, dataset: Path, logits: Path, metrics: Path, test_logits_file: Path) -> None:
    """Write the logits of the test images, none where `logits` (.npz) has none, and metrics as of a training.

    Losses and accuracies are those of the images as they are; null for a part of which there are no logits.
    Raises UserError naming the file and the array that does not fit the data set.
    """
    started = time.perf_counter()
    data = read_dataset(dataset)
    classes, arrays = len(data.classes), read_stored(logits, job.sha256)
    train = training_logits(arrays, logits, len(data.train_labels), classes, data.pad, data.flip)
    test = test_logits(arrays, logits, len(data.test_labels), classes)
    write_array(test_logits_file, np.empty((0, classes), np.float32) if test is None else test)
    results = UNKNOWN | {"role": TEACHER, "name": job.name}
    results |= {"architecture": "logits", "loss_function": f"logits given ({job.sha256[:8]})"}
    results |= _scored("train", train[plain_view(data.pad)], data.train_labels)
    if test is not None:
        results |= _scored("test", test, data.test_labels)
        results["selected_test_accuracy"] = results["test_accuracy"]
        results["ece"] = expected_calibration_error(torch.from_numpy(test), data.test_labels)
    results |= {"seconds": time.perf_counter() - started, "device": device_name(torch.device("cpu"))}
    results |= {"versions": versions(), "commit": commit()}
    write_metrics(metrics, results)
    logger.info("[%s]  %s: train accuracy %s %%", job.name, logits, results["train_accuracy"])


def _scored(part: str, logits: np.ndarray, labels: Tensor) -> dict[str, float | None]:
    """Loss in nats and accuracy in percent; null where a view that is never seen has no logits."""
    tensor = torch.from_numpy(logits)
    if tensor.isnan().any():
        return {}
    accuracy = 100 * (tensor.argmax(1) == labels).double().mean().item()
    return {f"{part}_loss": functional.cross_entropy(tensor, labels).item(), f"{part}_accuracy": accuracy}


if __name__ == "__main__":
    from kd.runtime.script import run

    job = LogitsTeacherJob.model_validate_json(snakemake.params.cfg)
    run(
        snakemake.log[0],
        main,
        job=job,
        dataset=Path(snakemake.input.dataset),
        logits=Path(snakemake.config["user_files"][job.name]).expanduser(),
        metrics=Path(snakemake.output.metrics),
        test_logits_file=Path(snakemake.output.test_logits),
    )
