"""What a data set's card says: its origin, what others measured of it, and a picture."""

import json
import logging

import numpy as np
import pytest
from archives import MADE, idx
from PIL import Image

import describe_data
import draw_samples as draw_samples_script
import prepare_data
from kd import registry
from kd.data.card import compare, origin
from kd.jobs.data import CardJob
from kd.plots.samples import GAP, draw_samples, write_samples

MNIST = registry.datasets()["mnist"].constants


def like_mnist(samples=50):
    """Of every 400 pixels 61 are 218 and the others 0.

    Mean 0.1525 · 218/255 = 0.1304 (MNIST: 0.1307), deviation √(0.1525 · 0.8475) · 218/255 = 0.3073 (0.3081).
    """
    images = np.zeros(samples * 28 * 28, dtype=np.uint8)
    images[np.arange(len(images)) % 400 < 61] = 218
    return images.reshape(samples, 28, 28, 1)


def test_the_published_statistics_are_met(caplog):
    comparison = compare(MNIST["PUBLISHED"], like_mnist())
    assert (comparison["mean"], comparison["std"]) == ((0.1307,), (0.3081,))
    assert comparison["mean_here"] == pytest.approx((0.1304,), abs=1e-4)
    assert comparison["std_here"] == pytest.approx((0.3073,), abs=1e-4)
    assert comparison["largest_difference"] == pytest.approx(0.0008, abs=1e-4)
    assert not caplog.messages


@pytest.mark.parametrize(
    "wrong",
    [lambda images: 255 - images, lambda images: images // 2, lambda images: images.clip(0, 210)],
    ids=["inverted", "halved", "clipped"],
)
def test_other_images_are_noticed(caplog, wrong):
    """Clipped at 210, the deviation is 0.3595 · 210/255 = 0.2961, which is 0.012 too low."""
    compare(MNIST["PUBLISHED"], wrong(like_mnist()))
    (warning,) = caplog.messages
    assert "away from the published 0.1307 and 0.3081; these may be other images, or wrongly read" in warning


def test_colours_in_another_order_are_noticed(caplog):
    """Of SVHN the blue channel is the brightest; of CIFAR-10, the red."""
    published = registry.datasets()["cifar10"].constants["PUBLISHED"]
    random = np.random.RandomState(0).normal(size=(50, 32, 32, 3))
    images = (random * published["std"] + published["mean"]) * 255
    swapped = images.clip(0, 255).round().astype(np.uint8)[..., ::-1]
    comparison = compare(published, swapped)
    assert comparison["largest_difference"] == pytest.approx(0.4914 - 0.4465, abs=0.005)
    assert caplog.messages


def test_images_of_another_size_are_not_compared(caplog):
    published = registry.datasets()["stl10"].constants["PUBLISHED"]
    assert compare(published, np.zeros((5, 48, 48, 3), dtype=np.uint8)) is None
    assert compare(None, np.zeros((5, 48, 48, 3), dtype=np.uint8)) is None
    assert not caplog.messages


def test_origin():
    download = origin(MNIST, MNIST["FILES"], None)
    assert download["source"] == "https://ossci-datasets.s3.amazonaws.com/mnist"
    assert download["files"] == MNIST["FILES"]
    assert download["paper"].startswith("LeCun, Bottou, Bengio & Haffner 1998")
    assert origin(registry.datasets()["digits"].constants, {}, None)["source"] == "comes with scikit-learn"
    folder = origin(registry.datasets()["image_folder"].constants, {}, "ab12")
    assert folder["source"] == "a folder of images; SHA-256 over names and contents: ab12"
    assert origin({}, {}, None) == {
        "source": "not stated",
        "files": {},
        "licence": "unknown: the data set's file states none",
        "paper": None,
    }


def test_the_card_of_a_download(tmp_path, caplog):
    """All training images are compared, before some are kept for validation."""
    caplog.set_level(logging.INFO)
    made = MADE["mnist"]()
    images = like_mnist()[..., 0]
    labels = np.arange(len(images), dtype=np.uint8) % 10
    files = made.files({"train-images-idx3-ubyte": idx(images), "train-labels-idx1-ubyte": idx(labels)})
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    cfg = {"name": "mnist", "options": {}, "files": {}, "listing": None}
    cfg |= {"validation": 0.2, "split_seed": 0, "pad": 2, "flip": False, "area": None, "shards": "auto"}
    dataset, summary, samples = (
        tmp_path / name for name in ("dataset.safetensors", "summary.json", "samples.png")
    )
    notes = tmp_path / "notes.json"
    prepare_data.main(cfg, tmp_path, dataset, notes)
    describe_data.main(CardJob(name="mnist", constants=MNIST, files={}), dataset, notes, summary)
    draw_samples_script.main(dataset, samples)
    summary = json.loads(summary.read_text())
    assert summary["published"]["mean_here"] == pytest.approx([images.mean() / 255])
    assert summary["published"]["mean_here"] != summary["mean"]
    assert (summary["licence"], summary["paper"]) == (MNIST["LICENCE"], MNIST["PAPER"])
    assert caplog.messages == [
        "50 training images (40 + 10 for validation), 2 test images, 10 classes, 28×28×1"
    ]
    with Image.open(samples) as picture:
        assert picture.size[0] > 400
        height = picture.size[1]
    assert "augmentation" not in summary
    changed = {"randaugment": [2, 9], "mixup": 0.2}
    job = CardJob(name="mnist", constants=MNIST, files={}, augmentation=changed)
    describe_data.main(job, dataset, notes, tmp_path / "summary.json")
    draw_samples_script.main(dataset, samples, changed)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert (summary["augmentation"], summary["views"], summary["pad"]) == (changed, "endless", 2)
    with Image.open(samples) as picture:  # each row of images has one below it
        assert picture.size[1] > 1.9 * height


def sheet(figure):
    (ax,) = figure.axes
    (image,) = ax.images
    return image.get_array(), [label.get_text() for label in ax.get_yticklabels()], ax.get_title("left")


def test_below_each_row_is_what_training_shows():
    images = np.random.RandomState(0).randint(0, 255, (12, 32, 32, 3)).astype(np.uint8)
    labels = np.array([1, 0] * 5 + [1, 1])
    drawn, names, title = sheet(draw_samples(images, labels, ("ant", "bee"), lambda some: 255 - images[some]))
    assert drawn.shape == (4 * (64 + GAP), 8 * (64 + GAP), 3)
    assert (names, title) == (["ant", "bee"], "each second row: as training shows them")
    below_second_of_ant = drawn[64 + GAP : 2 * 64 + GAP : 2, 64 + GAP : 2 * 64 + GAP : 2]
    assert np.array_equal(below_second_of_ant, 255 - images[3])


def test_a_contact_sheet_shows_the_images_as_they_are():
    """Two classes of 32x32, so each pixel is drawn 2x2: 8 columns of 64 and a gap."""
    images = np.random.RandomState(0).randint(0, 255, (12, 32, 32, 3)).astype(np.uint8)
    labels = np.array([1, 0] * 5 + [1, 1])
    drawn, names, title = sheet(draw_samples(images, labels, ("ant", "$bee$ $")))
    assert drawn.shape == (2 * (64 + GAP), 8 * (64 + GAP), 3)
    assert (names, title) == (["ant", "$bee$ $"], "")
    second_of_ant = drawn[0:64:2, 64 + GAP : 2 * 64 + GAP : 2]
    assert np.array_equal(second_of_ant, images[3])
    assert (drawn[:64, 5 * (64 + GAP) :] == 255).all()  # there are five
    sixth_of_bee = drawn[64 + GAP : 2 * 64 + GAP : 2, 5 * (64 + GAP) : 6 * (64 + GAP) - GAP : 2]
    assert np.array_equal(sixth_of_bee, images[10])


def test_ten_of_many_classes_are_shown_the_first_and_the_last_among_them():
    images = np.zeros((100, 8, 8, 1), dtype=np.uint8)
    names = [f"class {number}" for number in range(100)]
    drawn, shown, title = sheet(draw_samples(images, np.arange(100), names))
    assert shown == [f"class {number}" for number in range(0, 100, 11)]
    assert title == "10 of 100 classes"
    assert drawn.shape == (10 * (64 + GAP), 8 * (64 + GAP), 3)


def test_a_contact_sheet_is_the_same_every_time_and_keeps_quiet(tmp_path, recwarn):
    images = np.full((3, 96, 96, 3), 7, dtype=np.uint8)
    for name in ("first.png", "second.png"):
        write_samples(
            tmp_path / name, images, np.array([0, 1, 1]), ("\N{CJK UNIFIED IDEOGRAPH-732B}", "b$a$")
        )
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()
    assert not recwarn.list
