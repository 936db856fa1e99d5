"""The section `dataset:` of a config."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, PlainValidator

from kd import registry
from kd.config.augment.changes import ENDLESS, FIELDS, MIXING, changes, check_together
from kd.config.augment.keys import AugmentationEntry
from kd.config.plugins import options_of, resolve
from kd.config.problems import Problems
from kd.config.shorthand import dataset
from kd.jobs.data import DataSettings
from kd.settings.types import Address, Count, HeldOut, Name, Seed


class Dataset(DataSettings):
    """The data set of a study, with all of its options.

    `pad` and `flip` are its own, with which it is prepared; `augmentation` is what the study changes of them.
    """

    mirror: str | None
    augmentation: dict[str, Any]

    @property
    def endless(self) -> str | None:
        """The key that makes more views than a teacher's logits could be stored for, if one does."""
        endless = (key for key in ENDLESS if FIELDS.get(key, key) in self.augmentation)
        return None if "views" in self.augmentation else next(endless, None)

    @property
    def mixes(self) -> str | None:
        """The key by which two images are mixed, if there is one."""
        return next((key for key in MIXING if key in self.augmentation), None)

    @property
    def side(self) -> int | None:
        """Pixels a side of its images, where they are known before it is read."""
        published = registry.find_dataset(self.name).constants.get("PUBLISHED")
        return self.options.get("image_size") or (published["shape"][0] if published else None)


class DatasetEntry(AugmentationEntry):
    """`dataset:`; these keys, and the options of the named data set."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: Name = Field(description="a file of workflow/scripts/kd/datasets/")
    train_images: Count | None = Field(
        None, description="as many of the training images, drawn by class with split_seed; default: all"
    )
    validation: HeldOut = Field(
        0.1,
        description="share of the training images used as validation split; 0: no validation",
    )
    split_seed: Seed = Field(0, description="seed of the train/validation split")
    shards: Literal["auto", "always", "never"] = Field(
        "auto", description="pack images into files that are mapped into memory; auto: if above 4 GiB"
    )
    mirror: Address | None = Field(None, description="address of the folder that holds the downloads")


def _read(section: Any) -> Dataset:
    section = dataset(section)
    with Problems() as problems:
        entry, checked = resolve(problems, registry.find_dataset, DatasetEntry, section, "name")
        files = entry.constants.get("FILES", {})
        fetches = bool(files or entry.gathers)
        if checked.mirror and not fetches:
            problems.add(("mirror",), f"data set {entry.name!r} downloads nothing; leave this key out")
        check_together(problems, checked)
    own = {"pad": entry.constants["PAD"], "flip": entry.constants["FLIP"]}
    return Dataset(
        name=entry.name,
        options=options_of(entry, checked),
        train_images=checked.train_images,
        validation=checked.validation,
        split_seed=checked.split_seed,
        **own,
        augmentation=changes(checked, own),
        files=files,
        shards=checked.shards,
        mirror=(checked.mirror or entry.constants.get("MIRROR", "")).rstrip("/") if fetches else None,
    )


DatasetSection = Annotated[Dataset, PlainValidator(_read, json_schema_input_type=DatasetEntry | Name)]
