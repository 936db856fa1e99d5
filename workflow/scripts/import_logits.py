"""Import a teacher's logits from a file of the user's, and measure them. No network runs."""

import time
from pathlib import Path

import numpy as np

from kd.data.dataset import read_dataset
from kd.io.arrays import write_array
from kd.io.log import logger
from kd.jobs.teachers import LogitsTeacherJob
from kd.results.metrics import write_metrics
from kd.teachers.logits import check_classes, read_user_logits, test_logits, training_logits
from kd.teachers.measure import measure_logits


def main(
    job: LogitsTeacherJob,
    dataset: Path,
    logits: Path,
    metrics: Path,
    test_logits_file: Path,
    validation_logits: Path,
    *,
    code: str = "",
) -> None:
    """Write the logits of the test images, none where `logits` (.npz) has none, and metrics as of a training.

    There are none of the validation images.
    Losses and accuracies are those of the images as they are; null for a part of which there are no logits.
    Raises UserError naming the file and the array that does not fit the data set, or the order of the
    classes, where names or predictions say that it is another one.
    """
    started = time.perf_counter()
    data = read_dataset(dataset, job.augmentation)
    arrays = read_user_logits(logits, job.sha256, data)
    train, test = training_logits(arrays, logits, data), test_logits(arrays, logits, data)
    check_classes(arrays, logits, train, test, data)
    none = np.empty((0, len(data.classes)), np.float32)
    write_array(validation_logits, none)  # a file of the user's has none
    write_array(test_logits_file, none if test is None else test)
    results = measure_logits(train[data.augmentation.plain], test, data, started)
    results |= {"name": job.name, "architecture": "logits"}
    results |= {"loss_function": f"logits given ({job.sha256[:8]})", "job": job.digest(code)}
    write_metrics(metrics, results)
    logger.info("[%s]  %s: train accuracy %s %%", job.name, logits, results["train_accuracy"])


if __name__ == "__main__":
    from kd.runtime.script import run

    run(snakemake, main, test_logits_file=Path(snakemake.output.test_logits))
