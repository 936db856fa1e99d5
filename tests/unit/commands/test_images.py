"""How many images a study has, before and after its data are prepared."""

import json
from pathlib import Path

import pytest

from kd import registry
from kd.commands.images import Images, images_of
from kd.config.stored.sizes import KNOWN
from kd.data.augmentation import Augmentation


def test_prepared_data_are_counted_by_their_card(plan):
    study = plan().study
    card = {
        "dataset": "digits",
        "images": {"train": 5, "validation": 2, "test": 9},
        "classes": ["0", "1"],
        "image_shape": [8, 8, 1],
    }
    Path("results/s/data").mkdir(parents=True)
    Path("results/s/data/summary.json").write_text(json.dumps(card))
    assert images_of(study) == Images(5, 2, 9, 2, (8, 8, 1), augmentation=Augmentation(1), exact=True)
    Path("results/s/data/summary.json").write_text(json.dumps(card | {"dataset": "mnist"}))
    assert images_of(study).exact is False


@pytest.mark.parametrize(
    ("dataset", "images"),
    [
        (
            {"name": "digits", "test_fraction": 0.8, "validation": 0.3},
            (251, 108, 1438, 10, (8, 8, 1), Augmentation(1)),
        ),
        (
            {"name": "cifar10", "train_images": 10_000},
            (9_000, 1_000, 10_000, 10, (32, 32, 3), Augmentation(4, True)),
        ),
        ({"name": "cifar100"}, (45_000, 5_000, 10_000, 100, (32, 32, 3), Augmentation(4, True))),
        ({"name": "mnist", "validation": 0.5}, (30_000, 30_000, 10_000, 10, (28, 28, 1), Augmentation(2))),
        (
            {"name": "mini_open_images", "images_per_class": 20},
            (180, 20, 500, 10, (64, 64, 3), Augmentation(4, True)),
        ),
    ],
    ids=lambda value: value["name"] if isinstance(value, dict) else "",
)
def test_of_a_data_set_that_is_the_same_for_everyone_they_are_known(plan, dataset, images):
    assert images_of(plan(dataset=dataset).study) == Images(*images, exact=False)


def test_every_data_set_that_is_downloaded_is_known():
    names = [path.stem for path in (registry.HERE / "datasets").glob("[a-z]*.py")]
    downloaded = {name for name in names if registry.find_dataset(name).constants.get("FILES")}
    assert downloaded == KNOWN.keys()


def test_a_folder_of_images_is_counted(plan):
    for split, count in (("train", 10), ("test", 3)):
        for name in ("cat", "dog"):
            folder = Path("photos", split, name)
            folder.mkdir(parents=True)
            for number in range(count):
                (folder / f"{number}.jpg").touch()
            (folder / "notes.txt").touch()
    dataset = {"name": "image_folder", "path": "photos", "image_size": 16, "validation": 0.2}
    how = Augmentation(4, True)
    assert images_of(plan(dataset=dataset).study) == Images(16, 4, 6, 2, (16, 16, 3), how, exact=False)
