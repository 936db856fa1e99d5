"""Folders of classes alone, which are split into training and test images."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_config import config

import prepare_data
from kd.config.load import load_study
from kd.data.dataset import read_dataset
from kd.data.preparation.packing import Packing
from kd.datasets import image_folder
from kd.datasets.folders.record import Record
from kd.errors import UserError
from kd.plan.data import data_job, images_gone
from kd.plan.user_files import listing

SCENES = r"scene(\d+)"


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """Two classes with five scenes of four shots each; the shots of a scene look alike."""
    monkeypatch.chdir(tmp_path)
    random = np.random.RandomState(0)
    for name in ("bird", "ape"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for scene in range(5):
            pixels = random.randint(0, 240, (16, 16, 3)).astype(np.uint8)
            for shot in range(4):
                picture = Image.fromarray(pixels + np.uint8(shot)).resize((32, 32))
                picture.save(tmp_path / "photos" / name / f"{name[0]}scene{scene}_{shot}.png")
    return tmp_path / "photos"


def names(folder, **options):
    """Of the images in each split."""
    raw = image_folder.load(Path(), path=str(folder), test_fraction=0.2, image_size=8, **options)
    return [images._items for images in (raw.train_images, raw.test_images)]


def test_each_class_gives_its_share(photos):
    train, test = names(photos)
    assert (len(train), len(test)) == (32, 8)
    assert sum(name.startswith("test/ape/") for name in test) == 4
    assert train == sorted(train)


def test_content_decides_and_neither_name_nor_place_nor_time(photos):
    _, test = names(photos)
    (photos / test[0].removeprefix("test/")).rename(photos / "ape" / "aaa.png")
    moved = photos.with_name("elsewhere")
    shutil.copytree(photos, moved)
    _, later = names(moved)
    assert {name for name in later if name not in test} == {"test/ape/aaa.png"}


def test_identical_images_are_in_one_split(photos):
    for number in range(5):
        shutil.copy(photos / "ape" / "ascene0_0.png", photos / "ape" / f"copy{number}.png")
    splits = [sum("copy" in name or "ascene0_0" in name for name in part) for part in names(photos)]
    assert sorted(splits) == [0, 6]


def test_images_of_a_group_are_in_one_split(photos):
    parts = [{name.partition("/")[2][:-6] for name in part} for part in names(photos, group_by=SCENES)]
    assert not parts[0] & parts[1]
    scenes = [{name[-1] for name in part} for part in parts]
    assert not scenes[0] & scenes[1]  # "scene1" of both classes is one group
    (by_class,) = {len(part) for part in names(photos, group_by=r"^(\w+/\w)scene(\d)")[1:]}
    assert by_class == 8


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"group_by": "(scene"}, r"dataset\.group_by: '\(scene' is no regular expression: missing \)"),
        ({"group_by": "scene"}, r"dataset\.group_by: 'scene' has no brackets; put them around the part"),
        (
            {"group_by": "shot(.)"},
            r"dataset\.group_by: 'shot\(.\)' matches none of 40 names, such as 'ape/",
        ),
        (
            {"group_by": "(scene)"},
            r"dataset\.test_fraction: class 'ape' cannot be split, because its 20 image",
        ),
        ({"group_by": "(scene)", "test_fraction": None}, r"dataset\.group_by: goes with test_fraction"),
        ({"test_folder": "test"}, r"dataset\.test_fraction: is for class folders without train/ and test/"),
    ],
)
def test_a_mistake_is_named(photos, options, says):
    options = {"test_fraction": 0.2, **options}
    for read in (
        lambda: listing(str(photos), **options),
        lambda: image_folder.load(Path(), path=str(photos), **options),
    ):
        with pytest.raises(UserError, match=f"^{says}"):
            read()


def test_a_folder_with_splits_is_not_split_again(folder):
    with pytest.raises(
        UserError, match=r"without train/ and test/, but '.*' has them; leave test_fraction out"
    ):
        listing(str(folder), test_fraction=0.2)


def test_without_the_option_the_message_names_it(photos):
    with pytest.raises(
        UserError, match=r"no folder '.*/train'.*classes alone are split by dataset\.test_fraction: 0\.2"
    ):
        listing(str(photos))


def test_a_missing_folder_and_one_class(photos):
    with pytest.raises(
        UserError, match=r"dataset\.path: no folder 'nowhere', which should hold a folder for each"
    ):
        listing("nowhere", test_fraction=0.2)
    shutil.rmtree(photos / "ape")
    with pytest.raises(UserError, match=r"needs two class folders or more, has: 'bird'"):
        listing(str(photos), test_fraction=0.2)


def prepared(photos, **options):
    """The data set and its notes, planned and prepared as by Snakemake."""
    section = {"name": "image_folder", "path": str(photos), "test_fraction": 0.2, "image_size": 16, **options}
    study = load_study(config(dataset=section))
    cfg = json.loads(data_job(study).to_json())
    dataset, notes = Path("out/dataset.safetensors"), Path("out/notes.json")
    prepare_data.main(cfg, Path(), dataset, notes, places={"path": str(photos)})
    return read_dataset(dataset), json.loads(notes.read_text())


def test_validation_images_are_cut_off_by_groups_too(photos):
    data, notes = prepared(photos, group_by=r"^(\w+/\w)scene(\d)", validation=0.25)
    parts = [len(getattr(data, f"{part}_labels")) for part in ("train", "validation", "test")]
    assert parts == [24, 8, 8]
    assert notes == []


def test_near_duplicates_across_the_split_are_noted(photos):
    (note,) = prepared(photos)[1]
    assert note.startswith("near-duplicates of training images in the test split: 8 (train/ape/ascene")
    assert note.endswith("in one split, for class folders by dataset.group_by")


def test_images_that_the_pattern_does_not_match_are_counted(photos):
    (photos / "ape" / "ascene0_0.png").rename(photos / "ape" / "alone.png")
    notes = prepared(photos, group_by=SCENES)[1]
    assert notes[0] == (
        "images that dataset.group_by does not match: 1 (such as ape/alone.png); each is a group of its own"
    )


def test_a_folder_that_is_gone_is_noticed_by_itself(photos):
    section = {"name": "image_folder", "path": str(photos), "test_fraction": 0.2}
    study = load_study(config(dataset=section))
    assert images_gone(study) == []
    before = data_job(study)
    out = Path("results/tiny/data")
    out.mkdir(parents=True)
    (out / "dataset.safetensors").touch()
    (out / "summary.json").write_text(json.dumps({"listing": before.listing}))
    Image.new("L", (8, 8)).save(photos / "ape" / "new.png")
    assert data_job(study).listing != before.listing
    shutil.rmtree(photos)
    assert data_job(study) == before
    (line,) = images_gone(study)
    assert line.startswith(f"dataset.path: no folder '{photos}'; what was made of it")


def test_a_packing_that_was_killed_knows_the_same_of_its_images(photos, monkeypatch):
    """Notes and digests are of all images, also of those that the process before it has read."""
    monkeypatch.setattr(Packing.__init__, "__defaults__", (16 * 16 * 3 * 5,))  # five images in a shard
    whole, notes = prepared(photos, shards="always")
    shutil.rmtree("out")
    read, names = Record.read, []

    def killed(self, name):
        names.append(name)
        if len(names) == 12:
            raise KeyboardInterrupt
        return read(self, name)

    monkeypatch.setattr(Record, "read", killed)
    with pytest.raises(KeyboardInterrupt):
        prepared(photos, shards="always")
    names.clear()
    monkeypatch.setattr(Record, "read", lambda self, name: names.append(name) or read(self, name))
    resumed, again = prepared(photos, shards="always")
    assert again == notes != []
    assert 0 < len(names) < len(whole.train_labels) + len(whole.validation_labels) + len(whole.test_labels)
    assert np.array_equal(resumed.train_images[:], whole.train_images[:])
    names.clear()
    prepared(photos, shards="always", pad=2)  # another augmentation packs nothing
    assert names == []
