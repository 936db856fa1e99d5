"""Build one teacher of several, the mean of their logits, and measure it. Nothing is trained."""

import time
from pathlib import Path

from kd.data.dataset import read_dataset
from kd.io.arrays import write_array
from kd.io.log import logger
from kd.jobs.teachers import EnsembleJob
from kd.networks.checkpoint import load_network, save_ensemble
from kd.results.metrics import write_metrics
from kd.runtime.device import memory_explained, set_up_device
from kd.settings.compute import Compute
from kd.teachers.measure import measure


@memory_explained()
def main(
    job: EnsembleJob,
    dataset: Path,
    members: list[Path],
    model: Path,
    metrics: Path,
    test_logits: Path,
    validation_logits: Path,
    *,
    compute: Compute = Compute(),
    code: str = "",
) -> None:
    """Write the ensemble of the networks `members`, its logits, and metrics as those of a training.

    Raises UserError naming the network that is not whole.
    """
    started = time.perf_counter()
    where = set_up_device(compute)
    data = read_dataset(dataset)
    save_ensemble(model, members, job.weights)
    results, logits = measure(load_network(model, where), data, where, compute.stream, started)
    results |= {"name": job.name, "architecture": "ensemble", "loss_function": _mean(job)}
    results |= {"job": job.digest(code)}
    write_array(validation_logits, logits["validation"])
    write_array(test_logits, logits["test"])
    write_metrics(metrics, results)
    logger.info("[%s]  %s: test accuracy %.2f %%", job.name, _mean(job), results["test_accuracy"])


def _mean(job: EnsembleJob) -> str:
    parts = [f"{weight:g}·{name}" for weight, name in zip(job.weights, job.members, strict=True)]
    return f"mean of {', '.join(job.members if len(set(job.weights)) == 1 else parts)}"


if __name__ == "__main__":
    from kd.runtime.script import run

    run(snakemake, main)
