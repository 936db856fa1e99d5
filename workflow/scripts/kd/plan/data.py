"""From a study to the jobs of its data set."""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from kd import registry
from kd.config.study.study import Study
from kd.errors import UserError
from kd.io.files import digest, read_json
from kd.jobs.data import CardJob, DataJob, GatherJob
from kd.plan.code import code_of
from kd.plan.layout import Layout
from kd.plan.user_files import listing

SHOWN = ("SOURCE", "MIRROR", "LICENCE", "PAPER", "PUBLISHED")  # constants that the card of a data set shows
ANNOUNCED = "KD_DATA"  # the job of a Snakemake that starts others for its jobs


def places(study: Study) -> dict[str, str]:
    """The options of the data set that say where its images are."""
    watched = _constants(study).get("WATCHES")
    return {watched: study.dataset.options[watched]} if watched else {}


def manner(study: Study) -> dict[str, Any]:
    """The options of the data set that say how its images are gathered, and not which."""
    return {name: study.dataset.options[name] for name in _constants(study).get("MANNER", ())}


def gather_job(study: Study) -> GatherJob | None:
    """What decides which images are gathered; None for a data set that gathers none."""
    data, entry = study.dataset, registry.find_dataset(study.dataset.name)
    names = [name for name in entry.gathers if name not in manner(study)]
    return GatherJob(name=data.name, options={name: data.options[name] for name in names}) if names else None


def gathered(study: Study) -> str | None:
    """The name of the folder for what is gathered: another one for every choice."""
    job = gather_job(study)
    return digest(job.to_json()) if job else None


def data_job(study: Study, below: bool = False) -> DataJob:
    """Which data set, and how it is split. Of a folder it is what counts that it holds, not where it is.

    `below`: for a Snakemake that another has started for a job. It takes the digest that the other has
    announced: to look at a million images on a shared disk takes minutes, in each of thousands of jobs.
    """
    job = _without_listing(study)
    if below and (known := _announced()) and known.model_copy(update={"listing": None}) == job:
        return known
    # What says which of the files in a folder count.
    counted = {name: study.dataset.options[name] for name in _constants(study).get("LISTED_WITH", ())}
    listings = (listing(path, **counted) for path in places(study).values())
    return job.model_copy(update={"listing": _kept_listing(study) or "".join(listings) or None})


def announce_data(job: DataJob) -> None:
    """Tell the processes that this one starts which images there are."""
    os.environ[ANNOUNCED] = job.to_json()


def _announced() -> DataJob | None:
    with suppress(KeyError, ValueError):
        return DataJob.model_validate_json(os.environ[ANNOUNCED])
    return None


def _without_listing(study: Study) -> DataJob:
    data = study.dataset
    elsewhere = {*places(study), *registry.find_dataset(data.name).gathers}
    fields = ("name", "train_images", "validation", "split_seed", "pad", "flip", "area", "shards", "files")
    return DataJob(
        **{name: getattr(data, name) for name in fields},
        options={name: value for name, value in data.options.items() if name not in elsewhere},
        gathered=gathered(study),
    )


def images_gone(study: Study) -> list[str]:
    """A sentence where the images of a study are gone, and what was made of them is taken as it is."""
    if not _kept_listing(study):
        return []
    (folder,) = _folders(study)
    return [
        f"dataset.path: no folder {str(folder)!r}; what was made of it before is used, and nothing can be"
        " made of other images"
    ]


def _kept_listing(study: Study) -> str | None:
    """The digest of the images by the card of the prepared data, where these are there and no image is.

    So a finished study can be reported and exported when its images have been moved away. While they are
    there they count: a card is no proof of what a folder holds.
    """
    layout = Layout(study.name)
    if not any(map(_is_gone, _folders(study))) or not Path(layout.dataset).is_file():
        return None
    with suppress(UserError, AttributeError):
        return read_json(Path(layout.summary)).get("listing")
    return None


def _folders(study: Study) -> list[Path]:
    """The folders without which there are no images: of training images, or of all classes."""
    inside = "" if study.dataset.options.get("test_fraction") else "train"
    return [Path(path) / inside for path in places(study).values()]


def _is_gone(folder: Path) -> bool:
    with suppress(OSError, RuntimeError):
        return not folder.expanduser().is_dir()
    return False  # it cannot be read


def card_job(study: Study, data: DataJob) -> CardJob:
    """What the card of a data set says besides what is in it."""
    constants = {name: value for name, value in _constants(study).items() if name in SHOWN}
    return CardJob(
        name=data.name,
        constants=constants,
        files=data.files,
        listing=data.listing,
        job=data.digest(code_of("prepare_data.py", data)),
        augmentation=study.dataset.augmentation,
    )


def samples_params(study: Study) -> dict[str, str]:
    """The params of the picture of samples: what the study changes of the data set's augmentation."""
    changed = study.dataset.augmentation
    return {"cfg": json.dumps({"augmentation": changed}, sort_keys=True)} if changed else {}


def _constants(study: Study) -> dict[str, Any]:
    return registry.find_dataset(study.dataset.name).constants
