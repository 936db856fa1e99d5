"""Export a student: its weights and programs in a folder with a card, each verified on real images."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kd.data.dataset import Dataset, read_dataset
from kd.evaluation.calibration import calibrate
from kd.evaluation.logits import open_logits
from kd.export.card.card import CardFacts, card_of, choose
from kd.export.card.hub_config import config_of, onnx_notes, preprocessor_of, recommended
from kd.export.formats import FILES, times, write_formats
from kd.export.pixels import calibration, image_shape
from kd.export.program import WithNormalisation
from kd.export.verification import verify
from kd.io.arrays import read_logits
from kd.io.atomic import atomic_folder
from kd.io.files import read_json, sha256, write_json
from kd.io.log import logger
from kd.io.tensors import read_tensors
from kd.jobs.export import ExportJob
from kd.networks.checkpoint import load_network
from kd.results.metrics import read_metrics
from kd.runtime.timing import one_thread
from kd.sweep.values import with_values


@one_thread()
def main(
    job: ExportJob,
    dataset: Path,
    data: Path,
    models: list[Path],
    metrics: list[Path],
    test_logits: list[Path],
    validation_logits: list[Path],
    alone: list[Path],
    folder: Path,
    teacher: Path | None = None,
) -> None:
    """Make `folder` of the one of `models` whose validation accuracy is the highest, or nothing at all.

    `metrics`, `test_logits` and `validation_logits` are those of the same runs, which differ in the seed
    alone; `alone` and `teacher` the metrics of what they are compared with, and `data` the card of the data
    set. The temperature and rejection threshold that are fitted on the validation logits are recommended
    values: no file uses them.
    Raises UserError naming the file that is not whole, or whose logits are not those of the trained network.
    """
    runs = [_metrics(path) for path in metrics]
    best = choose(runs)
    network, images = load_network(models[best], torch.device("cpu")), read_dataset(dataset)
    recorded = read_logits(test_logits[best], len(images.test_labels), len(images.classes))
    calibrated = _calibrated(job, images, validation_logits[best], recorded)
    exported = WithNormalisation(network, images.mean, images.std).eval()
    with atomic_folder(folder) as new:
        shutil.copyfile(models[best], new / FILES["pytorch"])
        notes, ranges = onnx_notes(calibrated), calibration(images, job.settings)
        made = write_formats(new, exported, image_shape(images), ranges, notes)
        verification = verify(made, FILES, images, recorded, job.settings.images)
        sizes = {name: (new / FILES[name]).stat().st_size for name in made}
        verification |= {"seed": runs[best]["seed"], "bytes": sizes, "calibrated": calibrated}
        verification["milliseconds"] = times(made, images, job.settings.batch)
        write_json(new / "verification.json", verification)
        changes = read_tensors(models[best])[1].get("changes", {})
        sums = {FILES[name]: sha256(new / FILES[name]) for name in made}
        config = config_of(job, images, runs[best]["seed"], changes, sums)
        write_json(new / "config.json", config | {"calibration": recommended(calibrated)})
        write_json(new / "preprocessor_config.json", preprocessor_of(images))
        tuned = job.model_copy(update={"run": with_values(job.run, runs[best].get("chosen", {}))})
        about = read_json(data) | {"dataset": job.data_name}
        baselines = [_metrics(path) for path in alone]
        facts = CardFacts(tuned, runs, best, baselines, verification, about)
        card = card_of(facts, _metrics(teacher) if teacher else None)
        (new / "README.md").write_text(card, encoding="utf-8")
    _log(job, verification, len(runs))


def _calibrated(
    job: ExportJob, data: Dataset[Tensor], validation: Path, test: np.ndarray
) -> dict[str, Any] | None:
    """Of the logits of the network that is exported; None without a validation split."""
    labels = data.validation_labels.numpy()
    logits = open_logits(validation, len(labels), len(data.classes))
    if logits is None:
        return None
    made = calibrate(logits, labels, test, data.test_labels.numpy(), job.target_accuracy)
    return {name: value for name, value in made.items() if name != "reliability"}


def _metrics(path: Path) -> dict[str, Any]:
    return read_metrics(path).model_dump(exclude_unset=True)


def _log(job: ExportJob, verification: dict, seeds: int) -> None:
    logger.info("%s: seed %d of %d seeds", job.title, verification["seed"], seeds)
    for name, scores in verification["formats"].items():
        size, time = verification["bytes"][name], verification["milliseconds"]["1"][name]["median"]
        text = "%s: accuracy %.2f %%, %.2f %% of the predictions the same, %s bytes, %.3f ms"
        measures = scores["accuracy"], scores["same_predictions"], f"{size:,}", time
        logger.info(text, verification["files"][name], *measures)
    if int8_is_useless(verification):
        logger.warning("model_int8.onnx is neither smaller nor faster than model.onnx here; use model.onnx")


def int8_is_useless(verification: dict) -> bool:
    """Whether the quantised file saves neither disk nor time, as it is with networks of few channels."""
    size, time = verification["bytes"], verification["milliseconds"]["1"]
    if "int8" not in size:
        return False
    return size["int8"] >= size["onnx"] and time["int8"]["median"] >= time["onnx"]["median"]


if __name__ == "__main__":
    from kd.runtime.script import run

    run(snakemake, main, folder=Path(snakemake.output.card).parent)
