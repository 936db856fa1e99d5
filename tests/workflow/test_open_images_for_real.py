"""The mini Open Images study against a server on this machine, from the metadata to the table."""

import csv
import os
import signal
import subprocess
import time

import pandas as pd
import pytest
from checkout import diagnosed
from open_images_server import OpenImages, Server, image_id
from refusal import refused

from kd.data.dataset import read_dataset

CLASSES = ["Cat", "Dog", "Bell pepper, red"]
DATASET = {
    "name": "mini_open_images",
    "classes": CLASSES,
    "images_per_class": 12,
    "test_images_per_class": 4,
    "image_size": 16,
    "pad": 2,
    "validation": 0.25,
    "tolerated_failures": 0.1,
}
STUDY = {
    "recipe": {"epochs": 1, "batch_size": 9, "lr": 0.05},
    "teachers": {"wide": {"architecture": "cnn", "channels": [8, 8]}},
    "students": {"cnn": {"channels": [4, 4]}},
    "seeds": [0],
}
DATA = "results/tiny/data/dataset.safetensors"
EVERYTHING = {
    "gather_data",
    "prepare_data",
    "describe_data",
    "draw_samples",
    "train_teacher",
    "train_baseline",
    "cache_targets",
}
EVERYTHING |= {"distill_student", "measure_latency", "build_table", "draw_plots", "build_report"}
EVERYTHING |= {*diagnosed("all", "of", "them")}
pytestmark = pytest.mark.full


@pytest.fixture
def images():
    images = OpenImages()
    images.fill(CLASSES, test=18, validation=6)
    images.publish()
    return images


@pytest.fixture
def server(images):
    with Server(images) as server:
        yield server


def configure(checkout, server, **changes):
    """Of the same code, only the waits are shorter."""
    checkout.configure(dataset={**DATASET, "mirror": server.url, **changes}, **STUDY)
    source = checkout.folder / "workflow/scripts/kd/datasets/open_images/fetch.py"
    source.write_text(source.read_text().replace("PAUSE = 1.0", "PAUSE = 0.01"))


def path(number, subset="test"):
    return f"/{subset}/{image_id(number)}.jpg"


def licences(checkout):
    (file,) = (checkout.folder / "results/_downloads/mini_open_images").glob("*/licences.csv")
    with open(file, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_from_the_metadata_to_the_table(fresh, server, images):
    """With an image that is missing, a broken one, and connections that break."""
    images.plan = {path(number): ["hang up", 503, "whole"] for number in (38, 13, 51)}
    images.plan[path(7)] = [404]  # the tenth of the cats
    images.files[path(11)] = images.files[path(11)][:-100]  # the first of the dogs
    configure(fresh, server)
    fresh.run()
    table = pd.read_csv(fresh.folder / "results/tiny/table.csv")
    assert table["role"].tolist()[:3] == ["teacher", "student alone", "distilled student"]
    assert table["test_accuracy"].notna().all()
    data = read_dataset(fresh.folder / DATA)
    assert data.classes == tuple(CLASSES)
    assert (len(data.train_labels), len(data.validation_labels), len(data.test_labels)) == (27, 9, 12)
    listed = licences(fresh)
    left_out = {int(row["ImageID"], 16): row["left_out"] for row in listed if row["left_out"]}
    assert left_out.keys() == {7, 11}
    assert left_out[7] == "the server answered 404 Not Found"
    assert left_out[11].startswith("no whole image: ")
    taken = [row for row in listed if not row["left_out"]]
    assert len(taken) == 48
    assert all(row["License"] and row["Author"] and len(row["sha256"]) == 64 for row in taken)
    assert fresh.pending() == {}

    # What does not decide which images there are gathers nothing.
    asked = len(images.requests)
    for name, value in {"mirror": "http://127.0.0.1:9", "workers": 2, "tolerated_failures": 0.2}.items():
        configure(fresh, server, **{name: value})
        assert set(fresh.pending()) == {"build_report"}, name  # which shows the config
    configure(fresh, server, validation=0.5)
    assert fresh.pending().keys() == EVERYTHING - {"gather_data"}
    for changes in (
        {"pad": 1},
        {"flip": False},
        {"mixup": 0.2, "views": 4},
    ):  # no images are written for that
        configure(fresh, server, **changes)
        assert fresh.pending().keys() == EVERYTHING - {"gather_data", "prepare_data"}, changes

    # More images: only what is new is fetched.
    configure(fresh, server, images_per_class=13)
    assert fresh.pending().keys() == EVERYTHING
    fresh.run(DATA)
    fetched = images.requests[asked:]
    assert sorted(set(fetched) & {path(7), path(11)}) == [path(7), path(11)]  # they might be there now
    assert len(fetched) == 3 + 2
    assert len(read_dataset(fresh.folder / DATA).train_labels) == 30  # 13 each, of which 3 are for validation


def gathering(checkout):
    """The workflow under way, with all its processes in a group of their own."""
    return subprocess.Popen(
        checkout.command(DATA),
        cwd=checkout.folder,
        env=checkout.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def test_a_killed_workflow_goes_on_where_it_was(fresh, server, images):
    images.pause = 0.2
    configure(fresh, server, workers=2)
    process = gathering(fresh)
    deadline = time.monotonic() + 120
    while len(images.asked()) < 12:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    time.sleep(0.5)  # the job ends with Snakemake
    kept = {path.stem for path in (fresh.folder / "results").rglob("[0-9a-f]*.jpg")}
    assert kept
    images.pause, images.requests[:] = 0, []
    fresh.run("--unlock")
    fresh.run(DATA)
    assert len(images.requests) == 48 - len(kept)


REFUSALS = {
    "class": (
        {"classes": ["Cat", "Dgo"]},
        "dataset.classes: Open Images has no class 'Dgo'; did you mean 'Dog'?",
    ),
    "few": ({"images_per_class": 19}, "dataset.images_per_class: 19 of each class are asked for, and …"),
    "missing": (
        {"seed": 5},
        "4 images could not be had, and dataset.tolerated_failures allows 3 of 36; the first: http…: the server"
        " answered 404 Not Found; try again later, raise that share, or name another address in dataset.mirror",
    ),
}


@pytest.mark.parametrize(("changes", "says"), REFUSALS.values(), ids=REFUSALS)
def test_refused(fresh, server, images, changes, says):
    if "seed" in changes:
        images.plan = {path: [404] for path in images.files if path.endswith(".jpg")}
        changes = {"classes": ["Cat", "Dog"], "images_per_class": 14, "tolerated_failures": 0.1, **changes}
    configure(fresh, server, **changes)
    refused(fresh, DATA, says=[says])


def test_metadata_that_are_a_web_page(fresh, server, images):
    images.files["/v7/oidv7-class-descriptions.csv"] = b"<!DOCTYPE html><title>Please log in</title>"
    configure(fresh, server)
    refused(
        fresh,
        DATA,
        says=["…oidv7-class-descriptions.csv: its first line lacks LabelName, DisplayName; delete"],
    )
