"""Ship a student: its weights and programs in a folder with a card, each verified on real images."""

import logging
import shutil
from pathlib import Path

import numpy as np
import torch

from kd.checkpoint import load_network
from kd.chosen import with_values
from kd.data import Dataset, read_dataset
from kd.device import device_name
from kd.files import read_json, write_json
from kd.sealed import read_sealed
from kd.shipping.card import card_of
from kd.shipping.facts import config_of, preprocessor_of
from kd.shipping.folder import sha256, whole_folder
from kd.shipping.formats import FILES, calls, write_formats
from kd.shipping.job import ExportJob
from kd.shipping.program import Shipped
from kd.shipping.settings import Export
from kd.shipping.story import Story
from kd.shipping.timing import milliseconds
from kd.shipping.verification import RECORDED, TOLERANCE, Run, answers, check, compared, spread
from kd.shipping.versions import versions

logger = logging.getLogger("kd")


def main(
    job: ExportJob,
    dataset: Path,
    data: Path,
    models: list[Path],
    metrics: list[Path],
    test_logits: list[Path],
    alone: list[Path],
    teacher: Path | None,
    folder: Path,
) -> None:
    """Make `folder` of the one of `models` whose validation accuracy is the highest, or nothing at all.

    `metrics` and `test_logits` are those of the same runs, which differ in the seed alone; `alone` and
    `teacher` the metrics of what they are compared with, and `data` the card of the data set.
    Raises UserError naming the file that does not answer as the trained network does.
    """
    torch.set_num_threads(1)
    runs = [read_json(path) for path in metrics]
    best = choose(runs)
    network, images = load_network(models[best], torch.device("cpu")), read_dataset(dataset)
    shipped = Shipped(network, images.mean, images.std).eval()
    with whole_folder(folder) as new:
        shutil.copyfile(models[best], new / FILES["pytorch"])
        made = write_formats(new, shipped, _image(images), _calibration(images, job.settings))
        found = verify(made, images, np.load(test_logits[best], allow_pickle=False), job.settings.images)
        found |= {"seed": runs[best]["seed"], "bytes": {name: _size(new, name) for name in made}}
        found["milliseconds"] = measure(made, images, job.settings.batch)
        write_json(new / "verification.json", found)
        changes = read_sealed(models[best])[1].get("changes", {})
        sums = {FILES[name]: sha256(new / FILES[name]) for name in made}
        write_json(new / "config.json", config_of(job, images, runs[best]["seed"], changes, sums))
        write_json(new / "preprocessor_config.json", preprocessor_of(images))
        told = job.model_copy(update={"run": with_values(job.run, runs[best].get("chosen", {}))})
        story = Story(told, runs, best, [read_json(path) for path in alone], found, read_json(data))
        card = card_of(story, read_json(teacher) if teacher else None)
        (new / "README.md").write_text(card, encoding="utf-8")
    _tell(job, found, len(runs))


def choose(runs: list[dict]) -> int:
    """Which of the runs has the best last weights by validation: accuracy, then loss, then the first."""
    return min(
        range(len(runs)),
        key=lambda place: (-runs[place]["validation_accuracy"], runs[place]["validation_loss"], place),
    )


def verify(made: dict[str, Run], data: Dataset, recorded: np.ndarray, most: int) -> dict:
    """Each format on at most `most` test images beside the network, and that beside its `recorded` logits.

    Raises UserError naming the file that differs; int8 is meant to differ, so that is measured alone.
    """
    chosen = spread(len(data.test_labels), most)
    pixels, labels = _pixels(data.test_images, chosen), data.test_labels.numpy()[chosen]
    expected = answers(made["pytorch"], pixels)
    found = {"pytorch": compared(expected, recorded[chosen], labels)}
    check(FILES["pytorch"], found["pytorch"], recorded[chosen], RECORDED)
    for name in [name for name in made if name != "pytorch"]:
        found[name] = compared(answers(made[name], pixels), expected, labels)
        if name != "int8":
            check(FILES[name], found[name], expected)
    return {
        "formats": found,
        "files": {name: FILES[name] for name in made},
        "images": len(chosen),
        "test_images": len(data.test_labels),
        "largest_logit": float(np.abs(expected).max()),
        "tolerance": TOLERANCE,
        "device": device_name(torch.device("cpu")),
        "threads": 1,
        "versions": versions(),
    }


def measure(made: dict[str, Run], data: Dataset, batch: int) -> dict[str, dict]:
    """Milliseconds of one image and of `batch` images in each format, by the size of the batch."""
    found = {}
    for size in (1, batch):
        pixels = _pixels(data.test_images, np.arange(size) % len(data.test_labels))
        found[str(size)] = milliseconds(calls(made, pixels))
    return found


def _image(data: Dataset) -> tuple[int, int, int]:
    height, width, channels = data.test_images.shape[1:]
    return channels, height, width


def _calibration(data: Dataset, settings: Export) -> np.ndarray | None:
    """Training images for int8, evenly over the split; never those that accuracy is measured on."""
    if not settings.int8:
        return None
    return _pixels(data.train_images, spread(len(data.train_labels), settings.calibration))


def _pixels(images: torch.Tensor, chosen: np.ndarray) -> np.ndarray:
    """Those of the images (N, H, W, C) uint8, as (n, C, H, W)."""
    return np.ascontiguousarray(np.asarray(images[chosen]).transpose(0, 3, 1, 2))


def _size(folder: Path, name: str) -> int:
    return (folder / FILES[name]).stat().st_size


def _tell(job: ExportJob, found: dict, seeds: int) -> None:
    logger.info("%s: seed %d of %d seeds", job.title, found["seed"], seeds)
    for name, scores in found["formats"].items():
        logger.info(
            "%s: accuracy %.2f %%, %.2f %% of the predictions the same, %s bytes, %.3f ms",
            found["files"][name],
            scores["accuracy"],
            scores["same_predictions"],
            f"{found['bytes'][name]:,}",
            found["milliseconds"]["1"][name]["median"],
        )


if __name__ == "__main__":
    from kd.script import run

    runs = {"models": "model", "metrics": "metrics", "test_logits": "test_logits", "alone": "alone"}
    run(
        snakemake.log[0],
        main,
        job=ExportJob.model_validate_json(snakemake.params.cfg),
        dataset=Path(snakemake.input.dataset),
        data=Path(snakemake.input.data),
        **{name: [Path(path) for path in snakemake.input[given]] for name, given in runs.items()},
        teacher=Path(snakemake.input.teacher) if snakemake.input.get("teacher") else None,
        folder=Path(snakemake.output.card).parent,
    )
