"""Folders of images: their layout, their classes, and the data set that is made of them."""

import json
import logging
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import describe_data
import prepare_data
from kd import registry
from kd.config.load import load_study
from kd.data.dataset import read_dataset
from kd.datasets import image_folder
from kd.datasets.folders.record import Record
from kd.datasets.readers.class_names import parse_names, readable
from kd.errors import UserError
from kd.jobs.data import CardJob
from kd.plan.data import data_job
from kd.plan.user_files import listing

NOWHERE = Path("nowhere")


def load(folder, size=6):
    """The folder, with its images read."""
    raw = image_folder.load(NOWHERE, path=str(folder), image_size=size)
    return replace(raw, train_images=raw.train_images[:], test_images=raw.test_images[:])


def test_image_folder_is_watched():
    entry = registry.datasets()["image_folder"]
    assert entry.constants["WATCHES"] in entry.options.model_fields
    assert set(entry.constants["LISTED_WITH"]) <= set(entry.options.model_fields)


def test_image_folder(folder):
    raw = load(folder)
    assert raw.classes == ("ape", "bird")
    assert raw.train_labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert raw.test_labels.tolist() == [0, 1]
    for index, name in enumerate(["ape/0", "ape/1", "ape/2", "bird/0", "bird/1", "bird/2"]):
        pixels = np.asarray(Image.open(folder / "train" / f"{name}.png"))
        assert np.array_equal(raw.train_images[index], pixels)


def test_hidden_and_other_files_are_ignored(folder):
    before = load(folder), listing(str(folder))
    ape = folder / "train" / "ape"
    for name in (".hidden.png", "Thumbs.db", "notes.txt"):
        (ape / name).write_bytes(b"no image")
    (folder / "train" / ".ipynb_checkpoints").mkdir()
    (folder / "train" / "README.md").write_text("about these images")
    after = load(folder), listing(str(folder))
    assert np.array_equal(before[0].train_images, after[0].train_images)
    assert before[1] == after[1]


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "tif", "webp", "bmp", "ppm"])
@pytest.mark.parametrize("share", [0, 0.1, 0.6])
def test_a_truncated_image_is_named(folder, suffix, share):
    pixels = np.random.RandomState(0).randint(0, 256, (40, 40, 3)).astype(np.uint8)
    path = folder / "train" / "bird" / f"broken.{suffix}"
    Image.fromarray(pixels).save(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(UserError, match=rf"bird/broken\.{suffix}: cannot be read as an image"):
        load(folder)


@pytest.mark.parametrize(
    ("gone", "reason"),
    [
        (["test"], r"no folder '.*/test'"),
        (["train"], r"no folder '.*/train'"),
        (["train/ape", "train/bird"], r"'.*/train' needs two class folders or more, has: none"),
        (["train/ape", "test/ape"], r"'.*/train' needs two class folders or more, has: 'bird'"),
    ],
)
def test_a_layout_that_lacks_folders(folder, gone, reason):
    for name in gone:
        shutil.rmtree(folder / name)
    with pytest.raises(UserError, match=rf"dataset\.path: {reason}"):
        load(folder)


@pytest.mark.parametrize(("split", "other"), [("train", "test"), ("test", "train")])
def test_classes_of_one_split_only(folder, split, other):
    (folder / split / "cat").mkdir()
    Image.new("L", (6, 6)).save(folder / split / "cat" / "0.png")
    with pytest.raises(UserError, match=rf"/{other}' lacks the classes 'cat' of {split}/"):
        load(folder)


def test_a_class_without_images(folder):
    (folder / "test" / "cat").mkdir()
    (folder / "test" / "cat" / "notes.txt").write_text("none yet")
    with pytest.raises(
        UserError, match=r"no image in '.*/test/cat', which holds \.txt 1; allowed are .*\.webp, and"
    ):
        load(folder)


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("train/bird/9.png", "9.png"),  # itself
        ("train/bird/9.png", "nowhere.png"),
        ("train/cat", "../train/cat"),
        ("train/cat", "nowhere"),
    ],
)
def test_a_link_to_nowhere_is_named(folder, link, target):
    (folder / link).symlink_to(target)
    with pytest.raises(
        UserError, match=rf"dataset\.path: '.*/{link}' cannot be read: .*; mend it or take it"
    ):
        load(folder)


def test_the_name_of_a_class_is_text(folder):
    (folder / "train" / os.fsdecode(b"\xff")).mkdir()
    with pytest.raises(
        UserError, match=r"dataset\.path: the name of '.*/train/\\udcff' is no UTF-8 text; rename"
    ):
        load(folder)


def test_long_reading_is_reported(folder, caplog, monkeypatch):
    monkeypatch.setattr("kd.datasets.readers.images.QUIET", -1)
    caplog.set_level(logging.INFO)
    load(folder)
    assert "train: 3 of 6 images read" in caplog.text


def test_an_image_is_read_when_it_is_asked_for(folder, monkeypatch):
    read = []
    original = Record.read

    def read_image(record, name):
        read.append(Path(name).name)
        return original(record, name)

    monkeypatch.setattr(Record, "read", read_image)
    images = image_folder.load(NOWHERE, path=str(folder), image_size=6).train_images
    assert images.shape == (6, 6, 6, 3)
    assert read == []
    whole = load(folder).train_images
    read.clear()
    assert np.array_equal(images[np.array([5, 0])], whole[[5, 0]])
    assert np.array_equal(images[1:2], whole[1:2])
    assert sorted(read) == ["0.png", "1.png", "2.png"]  # of which class, the pixels say


def test_prepare_data(folder, caplog):
    caplog.set_level(logging.INFO)
    cfg = {
        "name": "image_folder",
        "options": {"path": str(folder), "image_size": 5},
        "validation": 0.3,
        "split_seed": 0,
        "pad": 2,
        "flip": True,
        "area": None,
        "shards": "auto",
        "files": {},
        "listing": listing(str(folder)),
    }
    out = folder / "out"
    dataset, notes, summary = out / "dataset.safetensors", out / "notes.json", out / "summary.json"
    about = registry.datasets()["image_folder"].constants
    card = CardJob(name="image_folder", constants=about, files={}, listing=cfg["listing"])
    prepare_data.main(cfg, NOWHERE, dataset, notes)
    describe_data.main(card, dataset, notes, summary)
    assert caplog.messages == ["6 training images (4 + 2 for validation), 2 test images, 2 classes, 5×5×3"]
    facts = json.loads(summary.read_text())
    assert facts["images"] == {"train": 4, "validation": 2, "test": 2}
    assert facts["images_per_class"]["train"] == {"ape": 2, "bird": 2}
    assert (facts["dataset"], facts["classes"]) == ("image_folder", ["ape", "bird"])
    assert (facts["image_shape"], facts["views"]) == ([5, 5, 3], 50)
    assert facts["mean"] == list(read_dataset(dataset).mean)
    assert facts["source"].endswith(f"names and contents: {cfg['listing']}")
    assert (facts["published"], facts["paper"], facts["files"]) == (None, None, {})
    first = facts["sha256"]
    prepare_data.main({**cfg, "split_seed": 1}, NOWHERE, dataset, notes)
    describe_data.main(card, dataset, notes, summary)
    assert json.loads(summary.read_text())["sha256"] != first


# ImageNet's way


def test_val_stands_for_test(folder):
    before = load(folder), listing(str(folder))
    (folder / "test").rename(folder / "val")
    after = load(folder), listing(str(folder))
    assert np.array_equal(before[0].test_images, after[0].test_images)
    assert before[1] == after[1]
    shutil.rmtree(folder / "val" / "ape")
    with pytest.raises(
        UserError, match=r"dataset\.path: '.*/val' needs two class folders or more, has: 'bird'"
    ):
        load(folder)


def job_of(folder, **options):
    """As the Snakefile has it from a config."""
    network = {"cnn": {"width": 0.125}}
    config = {"study": "mine", "recipe": {"epochs": 1, "batch_size": 8, "lr": 0.1}, "teachers": network}
    config |= {
        "students": {"thin": {"architecture": "cnn", "width": 0.125}},
        "methods": {"kd": {}},
        "seeds": [0],
    }
    data = {"name": "image_folder", "path": str(folder), **options}
    return data_job(load_study({**config, "dataset": data}))


def test_of_both_the_config_names_one(folder):
    shutil.copytree(folder / "test", folder / "val")
    (folder / "val" / "ape" / "0.png").rename(folder / "val" / "ape" / "only.png")
    Image.new("RGB", (6, 6), (1, 2, 3)).save(folder / "val" / "ape" / "only.png")
    says = r"dataset\.path: '.*' has both test/ and val/; name the one to test with in dataset\.test_folder: test"
    for ask in (load, lambda folder: listing(str(folder))):
        with pytest.raises(UserError, match=says):
            ask(folder)
    pixels = {}
    for name in ("test", "val"):
        raw = image_folder.load(NOWHERE, path=str(folder), image_size=6, test_folder=name)
        pixels[name] = raw.test_images[:][0, 0, 0]
    assert pixels["val"].tolist() == [1, 2, 3] != pixels["test"].tolist()
    digests = {name: job_of(folder, test_folder=name).listing for name in ("test", "val")}
    assert digests["test"] != digests["val"]
    shutil.rmtree(folder / "val")
    assert listing(str(folder), test_folder="test") == digests["test"]


NAMES = "n01\tentity\nape\tgorilla, Gorilla gorilla\nbird  kite, a hawk\n"


def test_class_names(folder):
    before = listing(str(folder))
    (folder / "words.txt").write_text(NAMES)
    raw = image_folder.load(NOWHERE, path=str(folder), image_size=6, class_names="words.txt")
    assert raw.classes == ("gorilla", "kite")
    assert raw.train_labels.tolist() == [0, 0, 0, 1, 1, 1]
    named = job_of(folder, class_names="words.txt").listing
    assert job_of(folder).listing == before != named
    (folder / "words.txt").write_text(NAMES.replace("entity", "thing"))  # of no class that is here
    assert listing(str(folder), class_names="words.txt") == named
    (folder / "words.txt").write_text(NAMES.replace("kite", "bird"))
    assert listing(str(folder), class_names="words.txt") != named


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, r"dataset\.class_names: 'words\.txt' cannot be read: .*No such file"),
        (b"\xff\xfe\x00", r"dataset\.class_names: '.*/words\.txt': .*utf-8"),
        (b"ape gorilla\n", r"dataset\.class_names: '.*/words\.txt': no name of class 'bird'"),
        (b"ape gorilla\nbird\n", r"dataset\.class_names: '.*/words\.txt': no name of class 'bird'"),
        (b"ape gorilla\nbird ,\n", r"dataset\.class_names: '.*/words\.txt': no name of class 'bird'"),
    ],
)
def test_class_names_that_cannot_be_used(folder, content, says):
    if content is not None:
        (folder / "words.txt").write_bytes(content)
    with pytest.raises(UserError, match=says):
        listing(str(folder), class_names="words.txt")
    with pytest.raises(UserError, match=says):
        image_folder.load(NOWHERE, path=str(folder), class_names="words.txt")


def test_names_that_two_classes_share_carry_the_class():
    names = parse_names("n02012849 crane\nn03126707\tcrane, hoist\nmy dog\tdog\nn1 cat")
    assert names == {"n02012849": "crane", "n03126707": "crane", "my dog": "dog", "n1": "cat"}
    assert readable(["n03126707", "n1", "n02012849"], names) == (
        "crane (n03126707)",
        "cat",
        "crane (n02012849)",
    )
