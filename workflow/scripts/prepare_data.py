"""Turns a data set into the one file that every training job reads."""

import shutil
from importlib import import_module
from pathlib import Path
from typing import Any

from kd.data.augmentation import Augmentation
from kd.data.dataset import SHARDS, write_dataset
from kd.data.prepare import describe, packs, prepare
from kd.io.files import check_sum
from kd.io.log import logger


def main(cfg: dict[str, Any], downloads: Path, dataset: Path, places: dict[str, str] | None = None) -> None:
    """Prepare the data set `cfg["name"]` from the files in `downloads`.

    Writes `dataset` (see kd.data.dataset.write_dataset). `cfg` has the data set's own `options`, its `files`
    (name: SHA-256), the `listing` of a folder, `validation` (a fraction), `split_seed`, `pad`, `flip`, `area`
    and `shards`. `places` are options that say where images are, which is no part of what they are.
    Raises UserError when the images or the options do not allow it, or a download is not what it was.
    """
    for name, expected in cfg["files"].items():
        check_sum(downloads / name, expected)
    raw = import_module(f"kd.datasets.{cfg['name']}").load(downloads, **cfg["options"], **(places or {}))
    settings = {key: cfg[key] for key in ("validation", "split_seed")}
    settings["augmentation"] = Augmentation(cfg["pad"], cfg["flip"], cfg["area"] and tuple(cfg["area"]))
    folder = dataset.parent / SHARDS
    shutil.rmtree(folder, ignore_errors=True)  # of a data set that is no more
    prepared = prepare(raw, **settings, folder=folder if packs(raw, cfg["shards"]) else None)
    write_dataset(dataset, prepared)
    logger.info("%s", describe(prepared))


if __name__ == "__main__":
    from kd.runtime.script import run

    run(snakemake, main)
