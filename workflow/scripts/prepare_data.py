"""Turns a data set into the one file that every training job reads, and a card and a picture for people."""

import hashlib
import json
import logging
import shutil
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from kd.data.card import compare, origin
from kd.data.dataset import PARTS, SHARDS, Dataset, RawSplits, write_dataset
from kd.data.prepare import blocks, prepare
from kd.data.sampler import count_views
from kd.data.shards import Shards
from kd.errors import UserError
from kd.io.files import sha256, write_json
from kd.plots.samples import write_samples

PACKED_FROM = 2**32  # bytes of images

log = logging.getLogger("kd")


def main(
    cfg: dict[str, Any],
    downloads: Path,
    dataset: Path,
    summary: Path,
    samples: Path,
    places: dict[str, str] | None = None,
) -> None:
    """Prepare the data set `cfg["name"]` from the files in `downloads`.

    Writes `dataset` (see kd.data.dataset.write_dataset), `summary` (JSON) and `samples` (PNG). `cfg` has the
    data set's own `options`, its `files` (name: SHA-256), the `listing` of a folder, `validation` (a
    fraction), `split_seed`, `pad`, `flip`, `area` and `shards`. `places` are options that say where images
    are, which is no part of what they are.
    Raises UserError when the images or the options do not allow it, or a download is not what it was.
    """
    for name, expected in cfg["files"].items():
        check_sum(downloads / name, expected)
    module = import_module(f"kd.datasets.{cfg['name']}")
    raw = module.load(downloads, **cfg["options"], **(places or {}))
    published = compare(vars(module).get("PUBLISHED"), raw.train_images)
    settings = {key: cfg[key] for key in ("validation", "split_seed", "pad", "flip", "area")}
    folder = dataset.parent / SHARDS
    shutil.rmtree(folder, ignore_errors=True)  # of a data set that is no more
    prepared = prepare(raw, **settings, folder=folder if packs(raw, cfg["shards"]) else None)
    write_dataset(dataset, prepared)
    write_samples(samples, prepared.train_images, prepared.train_labels, prepared.classes)
    card = {**origin(vars(module), cfg["files"], cfg["listing"]), "published": published}
    write_json(summary, {"dataset": cfg["name"], **summarise(prepared), **card})
    log.info("%s", describe(prepared))


def packs(raw: RawSplits, shards: str) -> bool:
    """Whether images are packed into shards; "auto" does so where they might not fit into memory."""
    size = sum(int(np.prod(images.shape)) for images in (raw.train_images, raw.test_images))
    return shards == "always" or (shards == "auto" and size > PACKED_FROM)


def check_sum(path: Path, expected: str) -> None:
    """UserError if `path` has another SHA-256: it was right when it was fetched, and a disk can forget."""
    try:
        got = sha256(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error}") from error
    if got != expected:
        raise UserError(
            f"{path}: the checksum is wrong: SHA-256 {expected} expected, {got} got; delete it and run again"
        )


def summarise(dataset: Dataset[np.ndarray]) -> dict[str, Any]:
    """What the data set holds: images per part and class, pixel statistics, number of augmented views."""
    labels = {part: getattr(dataset, f"{part}_labels") for part in PARTS}
    return {
        "classes": dataset.classes,
        "image_shape": dataset.train_images.shape[1:],  # height, width, channels
        "images": {part: len(array) for part, array in labels.items()},
        "images_per_class": {part: _count(array, dataset.classes) for part, array in labels.items()},
        "mean": dataset.mean,
        "std": dataset.std,
        "pad": dataset.pad,
        "flip": dataset.flip,
        "area": dataset.area,
        "views": "endless" if dataset.area else count_views(dataset.pad, dataset.flip),
        "sha256": fingerprint(dataset),
    }


def _count(labels: np.ndarray, classes: tuple[str, ...]) -> dict[str, int]:
    counts = np.bincount(labels, minlength=len(classes))
    return dict(zip(classes, counts.tolist(), strict=True))


def fingerprint(dataset: Dataset[np.ndarray]) -> str:
    """SHA-256 over the six arrays: their names, types, shapes and bytes."""
    digest = hashlib.sha256()
    for name, array in sorted(dataset.tensors().items()):
        kind = np.uint8 if isinstance(array, Shards) else array.dtype
        digest.update(f"{name} {np.dtype(kind)} {tuple(array.shape)}\n".encode())
        for block in blocks(array):
            digest.update(np.ascontiguousarray(block))
    return digest.hexdigest()


def describe(dataset: Dataset[np.ndarray]) -> str:
    """The data set in one line."""
    train, validation, test = (len(getattr(dataset, f"{part}_labels")) for part in PARTS)
    shape = "×".join(str(side) for side in dataset.train_images.shape[1:])
    return (
        f"{train + validation:,} training images ({train:,} + {validation:,} for validation),"
        f" {test:,} test images, {len(dataset.classes)} classes, {shape}"
    )


if __name__ == "__main__":
    from kd.runtime.script import run

    run(
        snakemake.log[0],
        main,
        cfg=json.loads(snakemake.params.cfg),
        places=snakemake.config["dataset"]["places"],
        downloads=Path(snakemake.params.downloads),
        dataset=Path(snakemake.output.dataset),
        summary=Path(snakemake.output.summary),
        samples=Path(snakemake.output.samples),
    )
