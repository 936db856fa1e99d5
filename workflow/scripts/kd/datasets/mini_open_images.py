"""A small part of Open Images V7 (Kuznetsova et al. 2020, arXiv:1811.00982), of classes of your choice.

As many images of each class, which show it and no other of the classes, as people have verified; licences.csv
names the author and licence of each.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from kd.data.dataset import RawSplits
from kd.datasets.open_images import metadata as open_images
from kd.datasets.open_images.counts import refuse_few, refuse_short
from kd.datasets.open_images.fetch import Failed, first_good
from kd.datasets.open_images.metadata import Info
from kd.datasets.open_images.pack import IMAGES, SPLITS, read_packed, write_table
from kd.datasets.open_images.source import IMAGES as IMAGES_AT
from kd.datasets.open_images.source import Candidate, Place, Source
from kd.errors import shown
from kd.io.log import logger
from kd.io.tensors import write_tensors
from kd.settings.types import Connections, Count, ImageSize, Seed, Texts, Tolerance

PAD = 4
FLIP = True
SOURCE = "Open Images V7, https://storage.googleapis.com/openimages/web/index.html"
PAPER = (
    "Kuznetsova, Rom, Alldrin, Uijlings, Krasin, Pont-Tuset, Kamali, Popov, Malloci, Kolesnikov, Duerig &"
    " Ferrari 2020, The Open Images Dataset V4, International Journal of Computer Vision 128"
)
LICENCE = (
    "annotations: CC BY 4.0, Google LLC; images: listed as having a CC BY 2.0 licence, which Open Images does"
    " not vouch for; licences.csv names the author of each"
)
MANNER = ("tolerated_failures", "workers")  # options that decide how images are gathered, and not which
TESTED_ON = {"test": "validation", "train": "test"}  # subset of the training images -> of the test images
COLUMNS = ("split", "index", "class", "ImageID", "url", "sha256", "turned", "left_out", *open_images.FACTS)


def load(downloads: Path) -> RawSplits:
    """Images (N, image_size, image_size, 3) that gather has packed in `downloads`, class by class.

    Raises UserError naming the file when it is not whole.
    """
    return read_packed(downloads)


def gather(
    folder: Path,
    work: Path,
    mirror: str,
    *,
    classes: Texts = ("Airplane", "Bird", "Boat", "Car", "Cat", "Dog", "Flower", "Guitar", "Horse", "Train"),
    images_per_class: Count = 200,
    test_images_per_class: Count = 50,
    image_size: ImageSize = 64,
    train_from: Literal["test", "train"] = "test",
    boxes: bool = False,
    seed: Seed = 0,
    tolerated_failures: Tolerance = 0.05,
    workers: Connections = 8,
) -> None:
    """Choose images, fetch them and pack them: images.safetensors and licences.csv in `folder`.

    What is fetched is kept in `work`. `mirror` is the address of a folder that holds the metadata and the
    images as the two servers of Open Images do, or "" for these. Which images are chosen depends on the
    metadata, on those that cannot be had, and on the options above `tolerated_failures`.

    `classes`: display names of Open Images; a label, as /m/01yrx, where a name means several.
    `images_per_class`: training images of each.
    `test_images_per_class`: test images of each.
    `image_size`: pixels a side; larger images are cut to their centre square and resized.
    `train_from`: Open Images' subset that training images come from; those for the test come from another.
    `boxes`: only images whose class has a box, cut to the square around the largest.
    `seed`: which of the images that qualify; in its order more of them keep those that there were.
    `tolerated_failures`: share of the images that may be missing or broken; the next take their places.
    `workers`: connections at a time.

    Raises UserError for a class that is not there or has too few images, when a server does not have the
    metadata, and when a larger share of the images than `tolerated_failures` cannot be had.
    """
    source = Source(work, mirror)
    names = open_images.find_classes(source.metadata(open_images.CLASSES), classes)
    numbers = {"train": images_per_class, "test": test_images_per_class}
    subsets = {"train": train_from, "test": TESTED_ON[train_from]}
    tolerated = int(tolerated_failures * len(names) * sum(numbers.values()) + 1e-9)
    count = {Place(split, subsets[split], label): numbers[split] for split in SPLITS for label in names}
    images = {split: source.find(subsets[split], names, seed, boxes) for split in SPLITS}
    for split in SPLITS:
        refuse_few(images[split], names, numbers[split], split, subsets[split])
    # More than those would not be asked for: where as many have failed as are tolerated, it ends.
    chosen = {
        place: images[place.split][place.label][: number + tolerated] for place, number in count.items()
    }
    candidates = source.candidates(chosen)
    Image.init()  # all formats now: threads that load them at the same time can miss one
    make = partial(source.read, size=image_size)
    good, failed = first_good(candidates, count, make, workers=workers, tolerated=tolerated)
    refuse_short(good, count, names)
    _write(folder, source, names, good, failed)
    logger.info("%s images packed, %d left out", f"{sum(count.values()):,}", len(failed))


def _write(
    folder: Path,
    source: Source,
    names: Mapping[str, str],
    good: Mapping[Place, list[tuple[Candidate, tuple[np.ndarray, str]]]],
    failed: list[tuple[Candidate, Failed]],
) -> None:
    """Pack both splits, class by class, and list what is in them, then what was left out."""
    arrays, rows, order = {}, [], list(names)
    for split in SPLITS:
        taken = [made for place, images in good.items() if place.split == split for made in images]
        labels = [order.index(candidate.place.label) for candidate, _ in taken]
        arrays[f"{split}_images"] = np.stack([array for _, (array, _) in taken])
        arrays[f"{split}_labels"] = np.array(labels, dtype=np.int64)
        rows += [
            {"index": index, "sha256": sha256, **_row(candidate, source, names)}
            for index, (candidate, (_, sha256)) in enumerate(taken)
        ]
    rows += [
        {"left_out": shown(failure.reason), **_row(candidate, source, names)} for candidate, failure in failed
    ]
    write_tensors(folder / IMAGES, arrays, {"classes": list(names.values())})
    write_table(folder, COLUMNS, rows)


def _row(candidate: Candidate, source: Source, names: Mapping[str, str]) -> dict[str, Any]:
    info = candidate.info or Info({}, None)
    return {
        "split": candidate.place.split,
        "class": names[candidate.place.label],
        "ImageID": candidate.image,
        "url": f"{IMAGES_AT}/{source.name(candidate)}",  # not of a mirror, which may carry a password
        "turned": info.turn or 0,
        **info.facts,
    }
