"""How many images a study has, and of which shape: exact once its data are prepared."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kd.config.stored.sizes import DIGITS, KNOWN
from kd.config.study.study import Study
from kd.data.augmentation import Augmentation
from kd.datasets.folders.suffixes import is_image
from kd.errors import UserError
from kd.io.files import read_json
from kd.plan.layout import Layout
from kd.registry import find_dataset


@dataclass(frozen=True)
class Images:
    """Numbers of images, `shape` (height, width, channels), and how those for training are augmented."""

    train: int
    validation: int
    test: int
    classes: int
    shape: tuple[int, int, int]
    augmentation: Augmentation
    exact: bool = True  # false: from what is known before the data are prepared


def images_of(study: Study) -> Images | None:
    """The images of a study; None where nothing is known of them yet."""
    with suppress(UserError, KeyError, TypeError, ValueError):
        return _prepared(read_json(Path(Layout(study.name).summary)), study)
    if (known := _unprepared(study)) is None:
        return None
    train, test, classes, shape = known
    train = min(train, study.dataset.train_images or train)
    validation = round(train * study.dataset.validation)
    return Images(train - validation, validation, test, classes, shape, _augmentation(study), exact=False)


def _prepared(card: Mapping[str, Any], study: Study) -> Images | None:
    """By the card of the prepared data; ValueError if that is of another data set."""
    if card["dataset"] != study.dataset.name:
        raise ValueError(card["dataset"])
    count = card["images"]
    numbers = count["train"], count["validation"], count["test"], len(card["classes"])
    return Images(*numbers, tuple(card["image_shape"]), _augmentation(study))


def _augmentation(study: Study) -> Augmentation:
    data = study.dataset
    return Augmentation(data.pad, data.flip, data.area).changed(data.augmentation)


def _unprepared(study: Study) -> tuple[int, int, int, tuple[int, int, int]] | None:
    """Training images with those for validation, test images, classes, shape; None where one is not known."""
    name, options, side = study.dataset.name, study.dataset.options, study.dataset.side
    if name == "digits":
        test = round(DIGITS * options["test_fraction"])
        return DIGITS - test, test, 10, (8, 8, 1)
    if name in KNOWN:
        train, test, classes = KNOWN[name]
        return train, test, classes, (side, side, find_dataset(name).constants["PUBLISHED"]["shape"][2])
    if "images_per_class" in options and "classes" in options:
        classes = len(options["classes"])
        numbers = options["images_per_class"], options["test_images_per_class"]
        return classes * numbers[0], classes * numbers[1], classes, (side, side, 3)
    if "path" in options and side:
        return _folder(Path(options["path"]).expanduser(), options, side)
    return None


def _folder(
    root: Path, options: Mapping[str, Any], side: int
) -> tuple[int, int, int, tuple[int, int, int]] | None:
    """By the image files below a folder that is split, or is to be."""
    train = root / "train"
    classes = [path for path in (train if train.is_dir() else root).iterdir() if path.is_dir()]
    inside, total = _count(train), _count(root)
    if not total or len(classes) < 2:
        return None
    if not train.is_dir():
        inside = round(total * (1 - (options.get("test_fraction") or 0.2)))
    return inside, total - inside, len(classes), (side, side, 3)


def _count(folder: Path) -> int:
    return sum(is_image(path.name) for path in folder.rglob("*")) if folder.is_dir() else 0
