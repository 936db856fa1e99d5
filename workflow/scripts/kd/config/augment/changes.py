"""From the keys of an augmentation to what a study changes of its data set's own, and back."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from kd.config.augment.keys import AugmentationEntry, Jitter, RandAugment
from kd.config.problems import Problems

# Keys of which an image has more views than could be stored, unless `views` numbers some of them.
ENDLESS = (
    "crop_area",
    "colour_jitter",
    "randaugment",
    "trivial_augment",
    "erase",
    "cutout",
    "mixup",
    "cutmix",
)
MIXING = ("mixup", "cutmix")
FIELDS = {"crop_area": "area"}  # the names of keys in a job, where these are others
TOGETHER = {  # keys that say the same in two ways, and why one has to go
    ("pad", "crop_area"): "goes with padded crops, crop_area with resized ones",
    ("pad_mode", "crop_area"): "goes with padded crops, crop_area with resized ones",
    ("randaugment", "trivial_augment"): "and trivial_augment both choose operations",
    ("cutout", "erase"): "erases a square, erase a random rectangle",
}
KEYS = tuple(AugmentationEntry.model_fields)


def check_together(problems: Problems, checked: BaseModel) -> None:
    """Report keys of which one excludes the other."""
    usual = {name: field.default for name, field in AugmentationEntry.model_fields.items()}
    for (key, other), why in TOGETHER.items():
        if all(getattr(checked, name) != usual[name] for name in (key, other)):
            problems.add((key,), f"{why}; leave one out")


def changes(checked: BaseModel, own: Mapping[str, Any]) -> dict[str, Any]:
    """What the keys change of a data set's `own` pad and flip, as jobs have it: fields by name.

    What is the same as without the key is left out.
    """
    usual = {name: field.default for name, field in AugmentationEntry.model_fields.items()} | dict(own)
    values = checked.model_dump(mode="json", include=set(KEYS))
    for name in ("colour_jitter", "randaugment"):
        values[name] = list(values[name].values()) if values[name] and any(values[name].values()) else None
    if checked.crop_area:
        values["pad"] = own["pad"]
    return {
        FIELDS.get(name, name): value
        for name, value in values.items()
        if value is not None and value != usual[name]
    }


def in_file(dataset: Any) -> dict[str, Any]:
    """The augmentation of a kd.config.dataset.Dataset by the keys of a config; what is off is left out."""
    keys = {field: key for key, field in FIELDS.items()}
    names = {"colour_jitter": tuple(Jitter.model_fields), "randaugment": tuple(RandAugment.model_fields)}
    values = {"pad": dataset.pad, "flip": dataset.flip} | dataset.augmentation
    if "area" in values:
        del values["pad"]
    return {
        keys.get(name, name): dict(zip(names[name], value, strict=True)) if name in names else value
        for name, value in values.items()
    }
