"""What prepare_data says of a folder of images, in its log and in the card, and what it refuses."""

import json
import logging
import shutil

import numpy as np
import pytest
from PIL import Image

import describe_data
import prepare_data
from kd import registry
from kd.datasets.folders.record import Record
from kd.errors import UserError
from kd.jobs.data import CardJob
from kd.plan.user_files import listing

pytestmark = pytest.mark.usefixtures("folder")


def prepared(folder, out="out", **changes):
    """The card of the folder, and the notes on it, as Snakemake has them made."""
    cfg = {"name": "image_folder", "options": {"image_size": 6}, "validation": 0.3, "split_seed": 0}
    cfg |= {"pad": 0, "flip": False, "area": None, "shards": "auto", "files": {}, "listing": None}
    out = folder / out
    cfg["listing"] = changes.get("listing") or listing(str(folder))
    dataset, notes, summary = (out / name for name in ("dataset.safetensors", "notes.json", "summary.json"))
    prepare_data.main(cfg | changes, folder, dataset, notes, places={"path": str(folder)})
    constants = registry.datasets()["image_folder"].constants
    card = CardJob(name="image_folder", constants=constants, files={}, listing=cfg["listing"])
    describe_data.main(card, dataset, notes, summary)
    assert json.loads(notes.read_text()) == json.loads(summary.read_text())["notes"]
    return json.loads(summary.read_text())


def notes(folder, caplog):
    """They are in the card, and each is a line of the log."""
    caplog.set_level(logging.WARNING)
    texts = prepared(folder)["notes"]
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == texts
    return texts


def test_nothing_is_said_of_a_folder_in_order(folder, caplog):
    (folder / ".DS_Store").write_bytes(b"")
    assert notes(folder, caplog) == []


def test_a_sample_of_the_training_images_is_said(folder):
    images = len(list((folder / "train").rglob("*.png")))
    expected = [f"4 of {images} training images are used (dataset.train_images)"]
    assert prepared(folder, train_images=4, validation=0.5)["notes"] == expected


def test_what_is_not_used(folder, caplog):
    for name in ("b.heic", "a\n.heic", "c.txt"):
        (folder / "train" / "ape" / name).write_bytes(b"")
    (folder / "valid" / "ape").mkdir(parents=True)
    options = {"image_size": 6, "test_folder": "test"}
    expected = listing(str(folder), test_folder="test")
    assert prepared(folder, options=options, listing=expected)["notes"] == [
        "files that are not used, no images by their suffix: 3 (.heic 2, .txt 1; train/ape/a\\n.heic);"
        " convert .heic to .png or .jpg to use them",
        "folders that are not used, beside those of the two splits: valid",
    ]


def test_copies_in_two_splits_are_counted(folder, caplog):
    for copy in ("test/ape/7.png", "test/bird/8.png", "train/ape/9.png"):
        shutil.copy(folder / "train" / "ape" / "0.png", folder / copy)
    assert notes(folder, caplog) == [
        "test images that are training images, too: 2 (train/ape/0.png is test/ape/7.png); accuracy on the test"
        " split is too high by them",
        "training images that are there again: 1 (train/ape/0.png is train/ape/9.png); training and validation"
        " split may share them",
        "images that are in another class, too: 1 (train/ape/0.png is test/bird/8.png)",
    ]


@pytest.mark.parametrize(("factor", "said"), [(16, False), (1, True)])
def test_twelve_bits_in_sixteen(folder, caplog, factor, said):
    pixels = np.random.RandomState(0).randint(0, 4096, (6, 6)).astype(np.uint16)
    Image.fromarray(pixels * factor).save(folder / "train" / "ape" / "deep.png")
    texts = notes(folder, caplog)
    assert texts == (
        [
            "images of 16 bits that are nearly black: all 1, as no value is above an eighth of the range; multiply"
            " values of 12 bits by 16"
        ]
        if said
        else []
    )


@pytest.mark.parametrize(("mode", "colour", "said"), [("RGBA", (0, 0, 0, 0), True), ("LA", (0, 255), False)])
def test_transparency(folder, caplog, mode, colour, said):
    Image.new(mode, (6, 6), colour).save(folder / "train" / "ape" / "alpha.png")
    assert bool(notes(folder, caplog)) == said
    if said:
        assert "images with transparent pixels: 1 (such as train/ape/alpha.png)" in caplog.text


def test_a_palette_with_a_transparent_colour(folder, caplog):
    picture = Image.new("P", (6, 6), 1)
    picture.putpalette(list(range(30)))
    picture.save(folder / "train" / "ape" / "palette.png", transparency=1)
    assert "transparent pixels" in notes(folder, caplog)[0]


# What is read must be what the study was planned with.


@pytest.mark.parametrize("shards", ["always", "never"])
def test_an_image_that_changes_between_listing_and_reading(folder, monkeypatch, shards):
    read = Record.read
    image = folder / "train" / "bird" / "1.png"
    before = image.read_bytes()

    def changing(record, name):
        Image.new("RGB", (6, 6), (255, 0, 0)).save(image)  # at the last moment
        pixels = read(record, name)
        image.write_bytes(before)
        return pixels

    expected = listing(str(folder))
    with monkeypatch.context() as patch:
        patch.setattr(Record, "read", changing)
        with pytest.raises(
            UserError, match=r"dataset\.path: '.*' has changed since the study was read; run again"
        ):
            prepared(folder, listing=expected, shards=shards)
    assert not list((folder / "out").rglob("*"))
    prepared(folder, listing=expected)


@pytest.mark.parametrize("change", ["added", "removed", "renamed"])
def test_other_images_than_listed(folder, change):
    expected, image = listing(str(folder)), folder / "train" / "ape" / "2.png"
    if change == "added":
        shutil.copy(image, image.with_name("3.png"))
    elif change == "removed":
        image.unlink()
    else:
        image.rename(image.with_name("3.png"))
    with pytest.raises(UserError, match="has changed since the study was read"):
        prepared(folder, listing=expected)


def test_other_class_names_than_listed(folder):
    names = folder / "words.txt"
    names.write_text("ape gorilla\nbird kite\n")
    options = {"image_size": 6, "class_names": "words.txt"}
    expected = listing(str(folder), class_names="words.txt")
    assert prepared(folder, options=options, listing=expected)["classes"] == ["gorilla", "kite"]
    names.write_bytes(
        b"\xef\xbb\xbfape gorilla\nbird hawk\n"
    )  # with a mark of its encoding, as Windows writes
    with pytest.raises(UserError, match="has changed since the study was read"):
        prepared(folder, options=options, listing=expected)


def test_an_image_of_too_many_pixels_says_how_to_allow_it(folder):
    Image.new("1", (2000, 1500)).save(folder / "train" / "ape" / "large.png")
    says = r"large\.png: .* more than the 2 million pixels that are allowed; shrink it, or raise dataset\.max_megap"
    options = {"image_size": 6, "max_megapixels": 2}
    with pytest.raises(UserError, match=says):
        prepared(folder, options=options)
    assert prepared(folder, options=options | {"max_megapixels": 3})["images"]["test"] == 2
