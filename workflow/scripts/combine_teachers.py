"""Make one teacher of several, and say how well they do together. Nothing is trained."""

import logging
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from kd.checkpoint import load_network, save_ensemble
from kd.compute import Compute
from kd.data import PARTS, read_dataset
from kd.device import device_name, set_up
from kd.files import write_array, write_json
from kd.job import EnsembleJob
from kd.limits import memory_explained
from kd.metrics import count_macs, count_parameters, evaluate, expected_calibration_error
from kd.provenance import commit, versions
from kd.splits import labelled

logger = logging.getLogger("kd")


def main(
    job: EnsembleJob,
    dataset: Path,
    members: Sequence[Path],
    model: Path,
    metrics: Path,
    test_logits: Path,
    *,
    compute: Compute = Compute(),
) -> None:
    """Write the ensemble of the networks `members`, its test logits, and metrics as those of a training.

    Raises UserError naming the network that is not whole.
    """
    started = time.perf_counter()
    where = set_up(compute)
    data = read_dataset(dataset)
    save_ensemble(model, members, job.weights)
    network = load_network(model, where)
    splits = {part: labelled(data, part, where, compute.stream) for part in PARTS}
    with memory_explained(where):
        scores = {part: evaluate(network, each.images, each.labels) for part, each in splits.items()}
    write_array(test_logits, scores["test"].logits.numpy())
    results = {f"{part}_loss": score.loss for part, score in scores.items()}
    results |= {f"{part}_accuracy": score.accuracy for part, score in scores.items()}
    results |= {f"selected_{part}_accuracy": scores[part].accuracy for part in ("validation", "test")}
    results |= {"ece": expected_calibration_error(scores["test"].logits, data.test_labels), "agreement": None}
    image = splits["test"].images.take(torch.zeros(1, dtype=torch.int64, device=where), 0)
    results |= {"parameters": count_parameters(network), "macs": count_macs(network, image)}
    results |= {"role": "teacher", "name": job.name, "architecture": "ensemble", "loss_function": _mean(job)}
    results |= dict.fromkeys(("teacher", "method", "seed", "epochs", "selected_epoch"))
    results |= {"seconds": time.perf_counter() - started}
    results |= {"device": device_name(where), "versions": versions(), "commit": commit()}
    write_json(metrics, results)
    logger.info("[%s]  %s: test accuracy %.2f %%", job.name, _mean(job), results["test_accuracy"])


def _mean(job: EnsembleJob) -> str:
    parts = [f"{weight:g}·{name}" for weight, name in zip(job.weights, job.members, strict=True)]
    return f"mean of {', '.join(job.members if len(set(job.weights)) == 1 else parts)}"


if __name__ == "__main__":
    from kd.script import run

    run(
        snakemake.log[0],
        main,
        job=EnsembleJob.model_validate_json(snakemake.params.cfg),
        dataset=Path(snakemake.input.dataset),
        members=[Path(path) for path in snakemake.input.members],
        **{name: Path(path) for name, path in snakemake.output.items()},
        compute=Compute(**snakemake.config["compute"]),
    )
