"""The configuration of the jobs that prepare a data set."""

from typing import Any

from kd.jobs.base import Augmentation, Job


class DataSettings(Job):
    """Which data set, how it is split and packed, and its own augmentation."""

    name: str
    options: dict[str, Any]
    train_images: int | None = None  # as many of them, by class; None: all
    validation: float
    split_seed: int
    pad: int
    flip: bool
    area: tuple[float, float] | None = None  # of crops that are resized
    files: dict[str, str]  # name -> SHA-256 of what was downloaded
    shards: str = "auto"


class DataJob(DataSettings):
    """Turn raw images into the splits of a study."""

    listing: str | None = None  # digest of a watched folder, instead of the option that says where it is
    gathered: str | None = None  # digest of a GatherJob, instead of its options


class CardJob(Job):
    """Say what a data set holds, and where it comes from."""

    name: str
    constants: dict[str, Any]  # of the data set's own file, as far as the card shows them
    files: dict[str, str]  # name -> SHA-256 of what was downloaded
    listing: str | None = None  # digest of a watched folder
    job: str = ""  # digest of the DataJob and its code
    augmentation: Augmentation


class GatherJob(Job):
    """Choose images, fetch them and pack them."""

    name: str
    options: dict[str, Any]
