"""The section `dataset:` of a config."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator

from kd import registry
from kd.config.plugins import options_of, resolve
from kd.config.problems import Problems
from kd.config.shorthand import dataset
from kd.jobs.data import DataSettings
from kd.settings.types import Address, HeldOut, Name, Padding, Seed, Share


class Dataset(DataSettings):
    """The data set of a study, with all of its options."""

    mirror: str | None

    @property
    def endless(self) -> bool:
        """Whether there are more augmented views than a teacher's logits could be stored for."""
        return self.area is not None

    @property
    def side(self) -> int | None:
        """Pixels a side of its images, where they are known before it is read."""
        published = registry.find_dataset(self.name).constants.get("PUBLISHED")
        return self.options.get("image_size") or (published["shape"][0] if published else None)


def _rising(area: tuple[float, float]) -> tuple[float, float]:
    if area[0] >= area[1]:
        raise ValueError("the least share must be below the most")
    return area


Area = Annotated[tuple[Share, Share], AfterValidator(_rising)]


class DatasetEntry(BaseModel):
    """`dataset:`; these keys, and the options of the named data set."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: Name = Field(description="a file of workflow/scripts/kd/datasets/")
    validation: HeldOut = Field(
        0.1,
        description="share of the training images used as validation split; 0: no validation",
    )
    split_seed: Seed = Field(0, description="seed of the train/validation split")
    pad: Padding | None = Field(
        None, description="pixels of padding before the random crop; default: the data set's own"
    )
    flip: bool | None = Field(None, description="mirror images at random; default: the data set's own")
    crop_area: Area | None = Field(
        None,
        description="[least, most] share of an image that a random crop has before it is resized, instead of"
        " padded crops; such augmented views are endless, so teachers run live",
    )
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
        if checked.crop_area and checked.pad is not None:
            problems.add(("pad",), "goes with padded crops, crop_area with resized ones; leave one out")
    return Dataset(
        name=entry.name,
        options=options_of(entry, checked),
        validation=checked.validation,
        split_seed=checked.split_seed,
        pad=entry.constants["PAD"] if checked.pad is None else checked.pad,
        flip=entry.constants["FLIP"] if checked.flip is None else checked.flip,
        files=files,
        area=checked.crop_area,
        shards=checked.shards,
        mirror=(checked.mirror or entry.constants.get("MIRROR", "")).rstrip("/") if fetches else None,
    )


DatasetSection = Annotated[Dataset, PlainValidator(_read, json_schema_input_type=DatasetEntry | Name)]
