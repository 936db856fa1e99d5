"""Turns a data set into the one file that every training job reads."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from kd.data.augmentation import Augmentation
from kd.data.dataset import SHARDS, Dataset, RawSplits, write_dataset
from kd.data.preparation.packing import Packing
from kd.data.preparation.prepare import describe, packs, prepare
from kd.errors import UserError
from kd.io.atomic import NotWritten
from kd.io.files import check_sum, write_json
from kd.io.log import logger


def main(
    cfg: dict[str, Any],
    downloads: Path,
    dataset: Path,
    notes: Path,
    places: dict[str, str] | None = None,
    code: str = "",
) -> None:
    """Prepare the data set `cfg["name"]` from the files in `downloads`.

    Writes `dataset` (see kd.data.dataset.write_dataset), and `notes` on its images, a list of sentences
    (JSON). `cfg` has the data set's own `options`, its `files` (name: SHA-256), the `listing` of a folder,
    `train_images` (None: all), `validation` (a fraction), `split_seed`, `pad`, `flip`, `area` and `shards`.
    `places` are options that say where images are, which is no part of what they are. Images that were packed
    by the same `code`, its fingerprint, and configuration are not packed again.
    Raises UserError when the images or the options do not allow it, or a download or a folder is not what it
    was.
    """
    for name, expected in cfg["files"].items():
        check_sum(downloads / name, expected)
    raw = import_module(f"kd.datasets.{cfg['name']}").load(downloads, **cfg["options"], **(places or {}))
    settings = {key: cfg[key] for key in ("validation", "split_seed")}
    settings["train_images"] = cfg.get("train_images")  # left out where all are used
    settings["augmentation"] = Augmentation(cfg["pad"], cfg["flip"], cfg["area"] and tuple(cfg["area"]))
    packing = Packing(dataset.parent / SHARDS, _key(cfg, code))
    packing.begin()
    try:
        prepared = prepare(raw, **settings, packing=packing if packs(raw, cfg["shards"]) else None)
        _refuse_changed(raw, cfg["listing"], places or cfg["options"])
    except NotWritten:
        raise  # what is packed by then is whole
    except UserError:
        shutil.rmtree(packing.folder, ignore_errors=True)
        raise
    write_dataset(dataset, prepared)
    sentences = _left_out(raw, prepared) + raw.notes()
    write_json(notes, sentences)
    logger.info("%s", describe(prepared))
    for sentence in sentences:
        logger.warning("%s", sentence)


def _left_out(raw: RawSplits, prepared: Dataset) -> list[str]:
    """A sentence where a sample of the training images is used."""
    used, there = len(prepared.train_labels) + len(prepared.validation_labels), len(raw.train_labels)
    return [f"{used:,} of {there:,} training images are used (dataset.train_images)"] if used < there else []


def _key(cfg: Mapping[str, Any], code: str) -> str:
    """The digest of all that decides which images are packed, and how they look."""
    names = ("name", "options", "files", "listing", "validation", "split_seed")
    settings = {name: cfg[name] for name in names} | {"train_images": cfg.get("train_images")}
    return hashlib.sha256(f"{json.dumps(settings, sort_keys=True)}\0{code}".encode()).hexdigest()


def _refuse_changed(raw: RawSplits, expected: str | None, places: Mapping[str, Any]) -> None:
    """UserError if images are others than when the study was read, whose digest the results would carry."""
    if raw.listing and expected and raw.listing() != expected:
        raise UserError(
            f"dataset.path: {places.get('path')!r} has changed since the study was read; run again"
        )


if __name__ == "__main__":
    from kd.runtime.script import run

    run(snakemake, main)
