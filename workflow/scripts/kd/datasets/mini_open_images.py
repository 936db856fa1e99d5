"""A small part of Open Images V7 (Kuznetsova et al. 2020, arXiv:1811.00982), of classes of your choice.

As many images of each class, which show it and no other of the classes, as people have verified. The
annotations are licensed by Google under CC BY 4.0; the images are listed as having a CC BY 2.0 license, and
licences.csv says whose each of them is.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from kd import open_images
from kd.data import RawSplits
from kd.datasets.image_folder import read_image
from kd.download import download
from kd.errors import UserError
from kd.files import whole
from kd.gathering import Failed, fetch, first_good
from kd.open_images import Info
from kd.options import Classes, Connections, Count, ImageSize, Seed, Share
from kd.packed import SPLITS, read_packed, write_packed, write_table
from kd.upright import Box, upright

PAD = 4
FLIP = True
MANNER = ("tolerated_failures", "workers")  # options that say how images are gathered, and not which
METADATA = "https://storage.googleapis.com/openimages"
IMAGES = "https://open-images-dataset.s3.amazonaws.com"  # of the Common Visual Data Foundation
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
    classes: Classes = (
        "Airplane",
        "Bird",
        "Boat",
        "Car",
        "Cat",
        "Dog",
        "Flower",
        "Guitar",
        "Horse",
        "Train",
    ),
    images_per_class: Count = 200,
    test_images_per_class: Count = 50,
    image_size: ImageSize = 64,
    train_from: Literal["test", "train"] = "test",
    boxes: bool = False,
    seed: Seed = 0,
    tolerated_failures: Share = 0.05,
    workers: Connections = 8,
) -> None:
    """Choose images, fetch them and pack them: images.safetensors and licences.csv in `folder`.

    What is fetched is kept in `work`. `mirror` is the address of a folder that holds the metadata and the
    images as the two servers of Open Images do, or "" for these. Which images are chosen depends on the
    metadata, on those that cannot be had, and on the options above `tolerated_failures`.
    Raises UserError for a class that is not there or has too few images, when a server does not have the
    metadata, and when a larger share of the images than `tolerated_failures` cannot be had.
    """
    source = Source(work, mirror)
    names = open_images.find_classes(source.metadata(open_images.CLASSES), classes)
    numbers = {"train": images_per_class, "test": test_images_per_class}
    subsets = {"train": train_from, "test": TESTED_ON[train_from]}
    tolerated = int(tolerated_failures * len(names) * sum(numbers.values()) + 1e-9)
    places = {split: [Place(split, subsets[split], label) for label in names] for split in SPLITS}
    count = {place: numbers[split] for split in SPLITS for place in places[split]}
    candidates: dict[Place, list[Candidate]] = {}
    for split in SPLITS:
        found = _find(source, subsets[split], names, seed, boxes)
        _refuse_few(found, names, numbers[split], split, subsets[split])
        # More would not be asked for: where that many have failed, it ends.
        found = {label: chosen[: numbers[split] + tolerated] for label, chosen in found.items()}
        infos = source.infos(subsets[split], {image for chosen in found.values() for image, _ in chosen})
        for place in places[split]:
            candidates[place] = [
                Candidate(place, image, infos.get(image), box) for image, box in found[place.label]
            ]
    Image.init()  # all formats now: threads that load them at the same time can miss one
    make = partial(_read, source=source, size=image_size)
    good, failed = first_good(candidates, count, make, workers=workers, tolerated=tolerated)
    _refuse_short(good, count, names)
    _write(folder, source, names, good, failed)


@dataclass(frozen=True)
class Place:
    """Where an image goes, and where it comes from."""

    split: str  # train or test
    subset: str  # of Open Images: train, validation or test
    label: str


@dataclass(frozen=True)
class Candidate:
    """An image that may be taken."""

    place: Place
    image: str
    info: Info | None
    box: Box | None


@dataclass(frozen=True)
class Source:
    """Where files come from, and the folder that they are kept in."""

    work: Path
    mirror: str

    def metadata(self, name: str) -> Path:
        """A file of the metadata, fetched unless it is there."""
        path = self.work / "metadata" / Path(name).name
        if not path.exists():
            download(f"{self.mirror or METADATA}/{name}", path, None)
        return path

    def infos(self, subset: str, images: set[str]) -> dict[str, Info]:
        """What is to be known of these images, as far as it is listed."""
        return open_images.find_info(self.metadata(open_images.IMAGES[subset]), images)

    def url(self, candidate: Candidate) -> str:
        """The address of an image."""
        return f"{self.mirror or IMAGES}/{candidate.place.subset}/{candidate.image}.jpg"

    def file(self, candidate: Candidate) -> Path:
        """The file that an image is kept in; not all in one folder, which would become slow."""
        image = candidate.image
        return self.work / "images" / candidate.place.subset / image[:2] / f"{image}.jpg"


def _find(
    source: Source, subset: str, names: Mapping[str, str], seed: int, boxes: bool
) -> dict[str, list[tuple[str, Box | None]]]:
    """Images of a subset by label, in the order in which they are taken, with their boxes if wanted."""
    found = open_images.find_images(source.metadata(open_images.LABELS[subset]), names, seed)
    if not boxes:
        return {label: [(image, None) for image in images] for label, images in found.items()}
    labels = {image: label for label, images in found.items() for image in images}
    boxed = open_images.find_boxes(source.metadata(open_images.BOXES[subset]), labels)
    return {
        label: [(image, boxed[image]) for image in images if image in boxed]
        for label, images in found.items()
    }


def _refuse_few(
    found: Mapping[str, list], names: Mapping[str, str], number: int, split: str, subset: str
) -> None:
    few = [f"{len(images):,} of {names[label]!r}" for label, images in found.items() if len(images) < number]
    if few:
        key = "images_per_class" if split == "train" else "test_images_per_class"
        more = "" if subset == split else ", or set train_from: train"
        raise UserError(
            f"dataset.{key}: {number:,} of each class are asked for, and Open Images' subset {subset!r} has"
            f" {', '.join(few)} that show no other; lower it, take other classes{more}"
        )


def _refuse_short(good: Mapping[Place, list], count: Mapping[Place, int], names: Mapping[str, str]) -> None:
    short = [
        f"{len(images):,} of {count[place]:,} {place.split} images of {names[place.label]!r}"
        for place, images in good.items()
        if len(images) < count[place]
    ]
    if short:
        raise UserError(
            f"dataset.images_per_class, dataset.test_images_per_class: only {', '.join(short)} could be had,"
            " and there are no more; lower them, or try again later"
        )


def _read(candidate: Candidate, source: Source, size: int) -> tuple[np.ndarray, str]:
    """The image (size, size, 3) uint8 and the SHA-256 of its file, which is fetched unless it is there."""
    file, url = source.file(candidate), source.url(candidate)
    if candidate.info is None:
        raise Failed(url, "nothing says whose it is")
    made = partial(upright, turn=candidate.info.turn, box=candidate.box)
    if file.exists():
        try:
            return read_image(str(file), size, made), hashlib.sha256(file.read_bytes()).hexdigest()
        except UserError:
            file.unlink()
    content = fetch(url)
    with whole(file) as temporary:
        temporary.write_bytes(content)
        try:
            return read_image(str(temporary), size, made), hashlib.sha256(content).hexdigest()
        except UserError as error:
            raise Failed(url, f"no whole image: {error.__cause__}") from error


def _write(
    folder: Path,
    source: Source,
    names: Mapping[str, str],
    good: Mapping[Place, list[tuple[Candidate, tuple[np.ndarray, str]]]],
    failed: list[tuple[Candidate, Failed]],
) -> None:
    """Pack both splits, class by class, and list what is in them, then what was left out."""
    images, labels, rows = {split: [] for split in SPLITS}, {split: [] for split in SPLITS}, []
    order = list(names)
    for place, taken in good.items():
        for candidate, (array, sha256) in taken:
            index = len(images[place.split])
            rows.append({"index": index, "sha256": sha256, **_row(candidate, source, names)})
            images[place.split].append(array)
            labels[place.split].append(order.index(place.label))
    rows += [{"left_out": failure.reason, **_row(candidate, source, names)} for candidate, failure in failed]
    write_packed(folder, images, labels, list(names.values()))
    write_table(folder, COLUMNS, rows)


def _row(candidate: Candidate, source: Source, names: Mapping[str, str]) -> dict[str, Any]:
    info = candidate.info or Info({}, None)
    return {
        "split": candidate.place.split,
        "class": names[candidate.place.label],
        "ImageID": candidate.image,
        "url": source.url(candidate),
        "turned": info.turn or 0,
        **info.facts,
    }
