"""Open Images from a local server that has the true files' form, and every fault of a true one."""

import csv
import hashlib
import io
import logging
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from open_images_server import NAMES, OpenImages, Server, photograph
from PIL import Image

import gather_data
from kd.datasets.mini_open_images import gather, load
from kd.datasets.open_images import fetch as gathering
from kd.datasets.open_images.source import IMAGES
from kd.errors import UserError

SCRIPTS = Path(gather_data.__file__).parent
OPTIONS = {
    "classes": ["Cat", "Dog"],
    "images_per_class": 4,
    "test_images_per_class": 2,
    "image_size": 16,
    "workers": 3,
}
METADATA = 5  # files: classes, and of two subsets the labels and the images


@pytest.fixture
def images():
    images = OpenImages()
    images.fill(["Cat", "Dog"], test=8, validation=5)
    images.publish()
    return images


@pytest.fixture
def server(images, monkeypatch):
    monkeypatch.setattr(gathering, "PAUSE", 0.001)
    with Server(images) as server:
        yield server


@pytest.fixture
def gathered(server, tmp_path):
    """Gathers into a folder of the specified name, and returns that; the work folder is always the same."""

    def run(name="a", **options):
        folder = tmp_path / name
        gather(folder, tmp_path / "fetched", server.url, **(OPTIONS | options))
        return folder

    return run


def rows(folder):
    with open(folder / "licences.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def taken(folder, split="train"):
    """Class and image of those that were taken."""
    return [
        (row["class"], row["ImageID"])
        for row in rows(folder)
        if row["split"] == split and not row["left_out"]
    ]


def order(subset, numbers):
    """ImageIDs in the order of the draw: that of SHA-256("0:ImageID")."""
    ids = [f"{number:016x}" for number in numbers]
    return sorted(ids, key=lambda image: hashlib.sha256(f"0:{image}".encode()).hexdigest())


# The server numbers its images from 1 on, cats odd and dogs even: 1 to 16 in test, 17 to 26 in validation.
CATS, DOGS = order("test", range(1, 17, 2)), order("test", range(2, 17, 2))


def test_what_is_chosen_and_packed(gathered, images):
    folder = gathered()
    assert taken(folder) == [("Cat", image) for image in CATS[:4]] + [("Dog", image) for image in DOGS[:4]]
    assert not set(taken(folder)) & set(taken(folder, "test"))
    raw = load(folder)
    assert (raw.train_images.shape, raw.test_images.shape) == ((8, 16, 16, 3), (4, 16, 16, 3))
    assert raw.classes == ("Cat", "Dog")
    assert (raw.train_labels.tolist(), raw.test_labels.tolist()) == ([0] * 4 + [1] * 4, [0, 0, 1, 1])
    for number, image in enumerate(CATS[:4] + DOGS[:4]):
        colour = np.array([int(image, 16) * factor % 256 for factor in (7, 13, 29)])
        assert np.abs(raw.train_images[number].astype(int) - colour).max() <= 3  # a JPEG is not exact
    assert len(images.asked()) == 12
    assert len(images.requests) == 12 + METADATA


@pytest.mark.full
def test_every_image_is_listed_with_its_licence(gathered, images):
    listed = rows(gathered())
    assert len(listed) == 12
    for row in listed:
        number = int(row["ImageID"], 16)
        subset = "test" if row["split"] == "train" else "validation"
        assert row["License"] == "https://creativecommons.org/licenses/by/2.0/"
        assert row["Author"] == f"Someone {number}, Ünal"
        assert row["Title"] == f'A "title", of {number}'
        assert row["OriginalLandingURL"] == f"https://www.flickr.com/photos/someone/{number}"
        assert row["url"].endswith(f"/{subset}/{row['ImageID']}.jpg")
        content = images.files[f"/{subset}/{row['ImageID']}.jpg"]
        assert row["sha256"] == hashlib.sha256(content).hexdigest()
    assert [row["index"] for row in listed] == [str(index) for index in (*range(8), *range(4))]


@pytest.mark.full
def test_the_same_bytes_however_many_fetch_at_once(gathered, tmp_path, images):
    first = gathered(workers=1)
    (tmp_path / "fetched").rename(tmp_path / "before")
    images.pause = 0.01
    second = gathered("b", workers=8)
    for name in ("images.safetensors", "licences.csv"):
        assert (first / name).read_bytes() == (second / name).read_bytes()


@pytest.mark.full
def test_more_images_keep_those_that_there_were_and_fetch_only_the_others(gathered, images):
    before = taken(gathered())
    asked = len(images.requests)
    after = taken(gathered("b", images_per_class=6))
    assert [image for name, image in after if name == "Cat"] == CATS[:6]
    assert set(before) < set(after)
    assert len(images.requests) == asked + 4


@pytest.mark.full
def test_another_size_or_fewer_images_fetch_nothing(gathered, images):
    gathered()
    asked = len(images.requests)
    assert load(gathered("b", image_size=24)).train_images.shape == (8, 24, 24, 3)
    gathered("c", images_per_class=2)
    assert len(images.requests) == asked


@pytest.mark.full
def test_another_seed_chooses_others(gathered):
    assert taken(gathered()) != taken(gathered("b", seed=1))


@pytest.mark.full
def test_images_that_show_two_of_the_classes_are_not_taken(gathered, images):
    for number in range(1, 9, 2):  # half of the cats
        images.rows["test"][0].append((f"{number:016x}", "verification", "/m/0bt9lr", "1"))
    images.publish()
    cats = [image for name, image in taken(gathered()) if name == "Cat"]
    assert sorted(cats) == [f"{number:016x}" for number in range(9, 17, 2)]


def path_of(image, subset="test"):
    return f"/{subset}/{image}.jpg"


def test_images_that_cannot_be_had_are_left_out_and_listed(gathered, images):
    images.plan[path_of(CATS[0])] = [404]
    images.files[path_of(CATS[2])] = photograph((9, 9, 9), (400, 400))[:-500]  # cut short where it is stored
    images.files[path_of(DOGS[1])] = b"<!DOCTYPE html><title>log in</title>"
    images.rows["test"][1][:] = [row for row in images.rows["test"][1] if row[0] != DOGS[2]]
    images.publish()
    folder = gathered(tolerated_failures=0.4)  # of 12
    assert taken(folder) == [
        *(("Cat", CATS[place]) for place in (1, 3, 4, 5)),
        *(("Dog", DOGS[place]) for place in (0, 3, 4, 5)),
    ]
    left_out = {row["ImageID"]: row["left_out"] for row in rows(folder) if row["left_out"]}
    assert list(left_out) == [CATS[0], CATS[2], DOGS[1], DOGS[2]]
    assert left_out[CATS[0]] == "the server answered 404 Not Found"
    assert left_out[CATS[2]].startswith("no whole image: image file is truncated")
    assert left_out[DOGS[1]].startswith("no whole image: cannot identify image file")
    assert left_out[DOGS[2]] == "no licence or author is listed for it"
    assert load(folder).train_images.shape == (8, 16, 16, 3)


def test_what_passes_leaves_no_image_out(gathered, images):
    images.plan[path_of(CATS[0])] = [503, "whole"]
    images.plan[path_of(CATS[1])] = ["cut", "hang up", "whole"]
    images.plan[path_of(DOGS[0])] = ["hang up", "whole"]
    assert taken(gathered(tolerated_failures=0)) == [
        *(("Cat", image) for image in CATS[:4]),
        *(("Dog", image) for image in DOGS[:4]),
    ]


def refused(run, folder, says):
    with pytest.raises(UserError) as caught:
        run()
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not folder.exists() or not list(folder.iterdir())


@pytest.mark.parametrize(("share", "allowed"), [(0.0, 0), (0.15, 1)])
def test_more_failures_than_are_tolerated(gathered, images, tmp_path, share, allowed):
    for image in (CATS[0], DOGS[0]):
        images.plan[path_of(image)] = [404]
    refused(
        lambda: gathered(tolerated_failures=share),
        tmp_path / "a",
        f"{allowed + 1} images could not be had, and dataset.tolerated_failures allows {allowed} of 12; the first: "
        "http://127.0.0.1:",
    )
    gathered(tolerated_failures=0.17)  # 2 of 12; what is there is not fetched again
    assert len(images.asked()) <= 12 + 2 + 2


def test_too_few_images(gathered, images, tmp_path):
    refused(
        lambda: gathered(images_per_class=9),
        tmp_path / "a",
        "dataset.images_per_class: 9 of each class are asked for, and Open Images' subset 'test' has 8 of 'Cat',"
        " 8 of 'Dog' that show no other; lower it, take other classes, or set train_from: train",
    )
    refused(
        lambda: gathered(test_images_per_class=6),
        tmp_path / "a",
        "dataset.test_images_per_class: 6 of each class are asked for, and Open Images' subset 'validation' has"
        " 5 of 'Cat', 5 of 'Dog' that show no other",
    )
    assert not images.asked("rotation.csv")  # the large files are not fetched for it


@pytest.mark.full
def test_too_few_that_can_be_had(gathered, images, tmp_path):
    for image in CATS[:2]:
        images.plan[path_of(image)] = [404]
    refused(
        lambda: gathered(images_per_class=7, tolerated_failures=0.5),
        tmp_path / "a",
        "only 6 of 7 train images of 'Cat' could be had, and there are no more; lower them",
    )


@pytest.mark.parametrize("plan", [[404], ["hang up"]])
def test_a_class_is_named_before_much_is_fetched(gathered, images, tmp_path, plan):
    images.plan[f"/{NAMES['test'][0]}"] = plan  # the labels are not asked for yet
    refused(lambda: gathered(classes=["Cat", "Dgo"]), tmp_path / "a", "no class 'Dgo'; did you mean 'Dog'?")
    assert len(images.requests) == 1


def test_metadata_that_are_not_there(gathered, images, tmp_path):
    name = NAMES["test"][0]
    images.plan[f"/{name}"] = [404]
    refused(
        gathered,
        tmp_path / "a",
        f"/{name}: the server answered 404 Not Found; dataset.mirror must name a folder",
    )
    assert images.requests.count(f"/{name}") == 1


@pytest.mark.full
def test_metadata_are_fetched_once(gathered, images):
    gathered()
    gathered("b", seed=3)
    assert len(images.asked(".csv")) == METADATA


@pytest.mark.full
def test_training_images_of_the_large_subset(server, gathered, images):
    images.fill(["Cat", "Dog"], train=9)
    images.publish()
    folder = gathered(train_from="train")
    assert {row["url"].removeprefix(IMAGES).split("/")[1] for row in rows(folder)} == {"train", "test"}
    assert not [path for path in images.requests if "validation" in path or "val-" in path]
    assert [image for name, image in taken(folder, "test") if name == "Cat"] == CATS[:2]
    assert [image for name, image in taken(folder) if name == "Cat"] == order("train", range(27, 45, 2))[:4]


@pytest.mark.full
def test_images_are_turned_as_the_metadata_say(gathered, images):
    half = np.zeros((32, 32, 3), np.uint8)
    half[:16] = 255  # light above
    packed = io.BytesIO()
    Image.fromarray(half).save(packed, "JPEG", quality=95)
    for image in CATS[:4]:
        images.files[path_of(image)] = packed.getvalue()
    rotations = dict(zip(CATS[:4], ("0.0", "90.0", "180.0", ""), strict=True))
    info = images.rows["test"][1]
    info[:] = [(*row[:-1], rotations.get(row[0], row[-1])) for row in info]
    images.publish()
    folder = gathered()
    raw = load(folder)
    sides = [
        [image[:4, 8].mean(), image[8, :4].mean(), image[-4:, 8].mean(), image[8, -4:].mean()]
        for image in raw.train_images[:4]
    ]
    assert np.argmax(sides, axis=1).tolist() == [0, 1, 2, 0]  # top; left; bottom; top
    assert [row["turned"] for row in rows(folder)[:4]] == ["0", "90", "180", "0"]


@pytest.mark.full
def test_boxes_fill_the_image(gathered, images):
    """Only images whose class has a box are taken, and only the square around it is."""
    scene = np.zeros((40, 60, 3), np.uint8)
    scene[8:24, 16:32] = 255
    packed = io.BytesIO()
    Image.fromarray(scene).save(packed, "PNG")
    for subset, numbers in {"test": (*range(1, 9), 15, 16), "validation": range(17, 23)}.items():
        for number in numbers:
            images.files[path_of(f"{number:016x}", subset)] = packed.getvalue()
            images.box(subset, number, "Cat" if number % 2 else "Dog", (16 / 60, 32 / 60, 8 / 40, 24 / 40))
    images.publish()
    folder = gathered(boxes=True)
    boxed = {f"{number:016x}" for number in (*range(1, 9), 15, 16)}
    assert {image for _, image in taken(folder)} <= boxed
    assert load(folder).train_images.min() == 255


def test_a_file_that_was_spoilt_on_the_disk_is_fetched_again(gathered, images, tmp_path):
    first = gathered()
    (kept,) = (tmp_path / "fetched").rglob(f"{CATS[0]}.jpg")
    kept.write_bytes(b"x" * 100)
    asked = len(images.requests)
    second = gathered("b")
    assert images.requests[asked:] == [path_of(CATS[0])]
    assert (first / "images.safetensors").read_bytes() == (second / "images.safetensors").read_bytes()


def test_a_packed_file_that_is_not_whole(gathered):
    folder = gathered()
    path = folder / "images.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UserError, match=r"images\.safetensors: not whole .*; delete it and run again"):
        load(folder)


def start(folder, work, url):
    """The script's main in a process of its own."""
    code = (
        "import logging, sys; from pathlib import Path; import gather_data\n"
        "cfg = {'name': 'mini_open_images', 'options': {'classes': ['Cat', 'Dog'], 'images_per_class': 8,"
        " 'test_images_per_class': 5, 'image_size': 16}}\n"
        "gather_data.main(cfg, Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], {'workers': 2})\n"
    )
    command = [sys.executable, "-c", code, str(folder), str(work), url]
    return subprocess.Popen(command, env={"PYTHONPATH": str(SCRIPTS), "PATH": ""})


@pytest.mark.full
def test_two_studies_at_once_download_each_table_once(server, images, tmp_path):
    for name in images.files:
        images.plan[name] = ["slow"] if name.endswith(".csv") else ["whole"]
    processes = [start(tmp_path / name, tmp_path / "fetched", server.url) for name in "ab"]
    assert [process.wait() for process in processes] == [0, 0]
    assert (tmp_path / "a/images.safetensors").read_bytes() == (
        tmp_path / "b/images.safetensors"
    ).read_bytes()
    assert len(images.asked(".csv")) == len(set(images.asked(".csv")))


def test_a_password_of_the_mirror_reaches_neither_log_nor_table(server, images, tmp_path, caplog):
    """It is sent, and the table names where images lie for everybody."""
    caplog.set_level(logging.INFO)
    images.plan[next(path for path in images.files if path.endswith(".jpg"))] = [404]
    mirror = server.url.replace("//", "//me:s3cret@")
    gather(tmp_path / "a", tmp_path / "fetched", mirror, **OPTIONS)
    table = (tmp_path / "a" / "licences.csv").read_text()
    assert "s3cret" not in caplog.text + table
    assert f"downloading {server.url}/v7/" in caplog.text
    assert all(row["url"].startswith(f"{IMAGES}/") for row in rows(tmp_path / "a"))
    with pytest.raises(UserError) as error:
        gather(tmp_path / "b", tmp_path / "other", f"{mirror}/nothing", **OPTIONS)
    assert "s3cret" not in str(error.value)


@pytest.mark.full
def test_a_killed_job_goes_on_where_it_was(server, images, tmp_path):
    images.pause = 0.05
    folder, work = tmp_path / "a", tmp_path / "fetched"
    process = start(folder, work, server.url)
    deadline = time.monotonic() + 60
    while len(list(work.rglob("[0-9a-f]*.jpg"))) < 8:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not folder.exists()
    kept = {path.stem for path in work.rglob("[0-9a-f]*.jpg")}
    assert 8 <= len(kept) < 26
    images.pause, images.requests[:] = 0, []
    assert start(folder, work, server.url).wait() == 0
    assert len(images.requests) == 26 - len(kept)  # and of the metadata nothing
    assert not {Path(path).stem for path in images.requests} & kept
    assert len(load(folder).train_images) == 16
    assert not list(work.rglob(".*.jpg.*"))  # what it was writing when it was killed
