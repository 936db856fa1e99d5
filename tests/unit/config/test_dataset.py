"""The section `dataset:` of a config, and what is refused there."""

import pytest
from small_config import complaints, config

from kd.config.load import load_study
from kd.data.augmentation import Augmentation


@pytest.mark.parametrize(
    "mirror", ["", "  ", "ftp://x/y", "file:///etc/passwd", "example.org", "http://", "https://x\n"]
)
def test_a_mirror_is_an_address(mirror):
    (line,) = complaints(dataset={"name": "cifar10", "mirror": mirror})
    assert line.startswith(
        "dataset.mirror: should be an address that begins with https:// or http:// (it is '"
    )


@pytest.mark.parametrize("name", ["cifar10", "mini_open_images"])
@pytest.mark.parametrize("mirror", ["http://127.0.0.1:8000/", "https://example.org/some/folder"])
def test_mirrors(mirror, name):
    data = load_study(config(dataset={"name": name, "mirror": mirror})).dataset
    assert data.mirror == mirror.rstrip("/")


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"dataset": {"name": "digts"}},
            "dataset.name: there is no data set 'digts'; did you mean 'digits'?",
        ),
        ({"dataset": {"name": "digits", "path": "x"}}, "dataset.path: unknown key"),
        ({"dataset": {"name": "image_folder"}}, "dataset.path: this key is required"),
        (
            {"dataset": {"name": "digits", "mirror": "http://x"}},
            "dataset.mirror: data set 'digits' downloads nothing",
        ),
        (
            {"dataset": {"name": "mini_open_images", "classes": ["Cat", "Dog", "Cat"]}},
            "dataset.classes: Cat is repeated; list it once",
        ),
        (
            {"dataset": {"name": "mini_open_images", "classes": ["Cat"]}},
            "dataset.classes: needs at least 2 entries",
        ),
        (
            {"dataset": {"name": "mini_open_images", "train_from": "validation"}},
            "dataset.train_from: should be 'test' or 'train' (it is 'validation')",
        ),
        (
            {"dataset": {"name": "mini_open_images", "workers": 1000}},
            "dataset.workers: should be less than or equal to 32",
        ),
        (
            {"dataset": {"name": "mini_open_images", "tolerated_failures": 1}},
            "dataset.tolerated_failures: should be less than 1 (it is 1)",
        ),
        ({"dataset": 3}, "dataset: should be a mapping of keys to values (it is 3)"),
        (
            {"dataset": "~/photos"},
            "dataset: '~/photos' is a path; write dataset: {name: image_folder, path: ~/photos}",
        ),
        (
            {"dataset": "CIFAR-100"},
            "dataset.name: there is no data set 'CIFAR-100'; did you mean 'cifar100'?; allowed: ",
        ),
        (
            {"dataset": {"name": "digits", "validation": 1}},
            "dataset.validation: should be less than 1 (it is 1)",
        ),
        (
            {"dataset": {"name": "digits", "crop_area": [0.5, 0.2]}},
            "dataset.crop_area: the least share must be below the most",
        ),
        (
            {"dataset": {"name": "digits", "crop_area": [0, 1]}},
            "dataset.crop_area.0: should be greater than 0",
        ),
        (
            {"dataset": {"name": "digits", "crop_area": [0.1, 1], "pad": 2}},
            "dataset.pad: goes with padded crops, crop_area with resized ones; leave one out",
        ),
        (
            {
                "dataset": {"name": "digits", "crop_area": [0.1, 1]},
                "teachers": {"mine": {"logits": "x.npz"}},
                "pairs": "all",
            },
            "teachers.mine.logits: no logits could be stored of endless views",
        ),
        (
            {"dataset": {"name": "digits", "randaugment": {"magnitud": 3}}},
            "dataset.randaugment.magnitud: unknown key; did you mean 'magnitude'?",
        ),
        (
            {"dataset": {"name": "digits", "color_jitter": 0.4}},
            "dataset.color_jitter: unknown key; did you mean 'colour_jitter'?",
        ),
        (
            {"dataset": {"name": "digits", "colour_jitter": True}},
            "dataset.colour_jitter: should be a mapping of keys to values (it is True)",
        ),
        ({"dataset": {"name": "digits", "colour_jitter": {"hue": 0.7}}}, "dataset.colour_jitter.hue: should"),
        ({"dataset": {"name": "digits", "mixup": True}}, "dataset.mixup: should be a number"),
        ({"dataset": {"name": "digits", "views": 0}}, "dataset.views: should be greater than or equal to 1"),
        (
            {"dataset": {"name": "digits", "randaugment": {}, "trivial_augment": True}},
            "dataset.randaugment: and trivial_augment both choose operations; leave one out",
        ),
        (
            {"dataset": {"name": "digits", "erase": 0.25, "cutout": 4}},
            "dataset.cutout: erases a square, erase a random rectangle; leave one out",
        ),
        (
            {"dataset": {"name": "digits", "crop_area": [0.1, 1], "pad_mode": "reflect"}},
            "dataset.pad_mode: goes with padded crops, crop_area with resized ones; leave one out",
        ),
        (
            {
                "dataset": {"name": "digits", "views": 4},
                "teachers": {"mine": {"logits": "x.npz"}},
                "pairs": "all",
            },
            "teachers.mine.logits: are of the views of padded crops, and dataset.views numbers others",
        ),
        (
            {"dataset": {"name": "digits", "cutmix": 1}, "methods": {"both": {"kd": {}, "dkd": {}}}},
            "methods.both: dkd needs one label for each image, and dataset.cutmix mixes two; leave one of",
        ),
        ({"dataset": {"name": "digits", "pad": 100}}, "dataset.pad: should be less than or equal to 32"),
    ],
)
def test_a_mistake_names_its_key_and_what_is_allowed(changes, line):
    lines = complaints(**changes)
    assert [text for text in lines if text.startswith(line)], lines
    assert len(lines) == 1, lines


def test_a_mirror_that_is_none_is_shown_without_its_password():
    (line,) = complaints(dataset={"name": "cifar10", "mirror": "ftp://me:s3cret@host/x"})
    assert line.endswith("(it is 'ftp://host/x')")


AUGMENTATIONS = [
    ({}, {}, True),
    # What a data set has by itself, and what does nothing, is no change.
    ({"pad": 1, "flip": False, "erase": 0, "mixup": 0, "randaugment": False, "colour_jitter": 0}, {}, True),
    ({"pad": 4, "flip": "alternate"}, {"pad": 4, "flip": "alternate"}, True),
    ({"crop_area": [0.3, 1]}, {"area": [0.3, 1.0]}, False),
    ({"crop_area": [0.3, 1], "views": 8}, {"area": [0.3, 1.0], "views": 8}, True),
    ({"randaugment": None}, {"randaugment": [2, 9]}, False),
    ({"randaugment": {"operations": 1}}, {"randaugment": [1, 9]}, False),
    ({"trivial_augment": True}, {"trivial_augment": True}, False),
    ({"colour_jitter": 0.4}, {"colour_jitter": [0.4, 0.4, 0.4, 0.0]}, False),
    ({"colour_jitter": {"hue": 0.1}}, {"colour_jitter": [0.0, 0.0, 0.0, 0.1]}, False),
    ({"cutout": 8}, {"cutout": 8}, False),
    ({"erase": 0.25}, {"erase": 0.25}, False),
    ({"mixup": 0.2, "cutmix": 1}, {"mixup": 0.2, "cutmix": 1.0}, False),
    ({"mixup": 0.2, "views": 16}, {"mixup": 0.2, "views": 16}, True),
    ({"pad_mode": "reflect"}, {"pad_mode": "reflect"}, True),
]


@pytest.mark.parametrize(("keys", "expected", "finite"), AUGMENTATIONS)
def test_jobs_have_what_a_study_changes_of_the_augmentation(keys, expected, finite):
    """The images are prepared with the data set's own, whatever the study changes."""
    data = load_study(config(dataset={"name": "digits", **keys})).dataset
    assert data.augmentation == expected
    assert (data.pad, data.flip, data.area) == (1, False, None)
    how = Augmentation(1, False).changed(data.augmentation)
    assert how.finite == (data.endless is None) == finite
    assert bool(data.mixes) == how.mixes
