"""Import the user's own weights for a teacher, and measure it. Nothing is trained."""

import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from kd.data.dataset import Dataset, read_dataset
from kd.evaluation.class_order import check_predictions
from kd.io.arrays import write_array
from kd.io.log import logger
from kd.jobs.teachers import ExternalJob
from kd.networks.checkpoint import load_network, save_network
from kd.networks.factory import build_network
from kd.networks.imported.files import read_weights
from kd.networks.limits import check_image, check_memory
from kd.networks.statistics import statistics
from kd.networks.weights import load_weights
from kd.results.metrics import write_metrics
from kd.runtime.device import memory_explained, set_up_device
from kd.runtime.provenance import versions
from kd.settings.compute import Compute
from kd.teachers.labels import check_order, names_beside
from kd.teachers.measure import measure


@memory_explained()
def main(
    job: ExternalJob,
    dataset: Path,
    weights: Path,
    model: Path,
    metrics: Path,
    test_logits: Path,
    validation_logits: Path,
    *,
    compute: Compute = Compute(),
    code: str = "",
) -> None:
    """Write the network with these `weights`, its logits, and metrics as of a training.

    Raises UserError naming the file if it is no whole one, does not fit the architecture and the data set, or
    holds what is no number; also if it, or a config.json beside it, has the classes in another order, or its
    predictions are those of another order or of chance.
    """
    started = time.perf_counter()
    where = set_up_device(compute)
    data = read_dataset(dataset)
    check_order(weights, names_beside(weights), data.classes)
    about = {"architecture": job.architecture, "options": job.options}
    shape = {"in_channels": data.train_images.shape[3], "num_classes": len(data.classes)}
    checkpoint = read_weights(weights, job.sha256, about)
    check_order(weights, checkpoint.classes, data.classes)
    own = statistics(job.mean, job.std, data.mean, data.std) if job.mean else None
    check_memory(lambda: build_network(*about.values(), **shape), where)
    torch.manual_seed(0)  # what is drawn is overwritten
    network = build_network(*about.values(), **shape)
    image = (shape["in_channels"], *data.train_images.shape[1:3])
    whose = load_weights(network, checkpoint, weights, about, image[1])
    if whose and not own:
        logger.warning(
            "[%s]  %s: a network of %s knows images by another mean and std than this data set's; set both as"
            " docs/how-to/teachers.md has them",
            *(job.name, weights, whose),
        )
    check_image(network, job.architecture, image, torch.device("cpu"))
    save_network(model, network.state_dict(), **about, **shape, statistics=own)
    results, logits = measure(load_network(model, where), data, where, compute.stream, started)
    logger.info("[%s]  %s: test accuracy %.2f %%", job.name, weights, results["test_accuracy"])
    _check_classes(weights, logits, data, checkpoint.classes or names_beside(weights))
    results |= {"name": job.name, "architecture": job.architecture, "versions": versions(job.architecture)}
    results |= {"loss_function": f"weights given ({job.sha256[:8]})", "job": job.digest(code)}
    write_array(validation_logits, logits["validation"])
    write_array(test_logits, logits["test"])
    write_metrics(metrics, results)


def _check_classes(
    weights: Path, logits: dict[str, np.ndarray], data: Dataset[Tensor], names: list[str] | None
) -> None:
    """UserError if the predictions on both parts say that the classes are in another order."""
    outputs = np.concatenate([logits["validation"], logits["test"]])
    labels = torch.cat([data.validation_labels, data.test_labels]).numpy()
    check_predictions(weights, outputs, labels, data.classes, names)


if __name__ == "__main__":
    from kd.runtime.script import run

    run(snakemake, main)
