"""A data set of three classes, and jobs of the training script on it; `dataset` and `teacher` are fixtures."""

import csv
import json

import numpy as np
import pytest
from stored_targets import as_table

import cache_targets
import train
from kd.data.augmentation import Augmentation
from kd.data.dataset import Dataset, read_dataset, write_dataset
from kd.data.rows import Rows
from kd.jobs.teachers import TargetsJob
from kd.jobs.training import TrainJob
from kd.settings.compute import Compute
from kd.settings.recipe import Recipe
from kd.training.outputs import Outputs

CPU = Compute(device="cpu")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Three classes, which differ in how bright the image is: 60 training, 9 validation, 30 test images."""
    random = np.random.default_rng(0)

    def part(count):
        labels = np.arange(count) % 3
        images = 30 + 80 * labels[:, None, None, None] + random.integers(0, 30, (count, 8, 8, 1))
        return images.astype(np.uint8), labels

    parts = {"train": part(60), "validation": part(9), "test": part(30)}
    arrays = {f"{name}_images": images for name, (images, _) in parts.items()}
    arrays |= {f"{name}_labels": labels for name, (_, labels) in parts.items()}
    path = tmp_path_factory.mktemp("data") / "dataset.safetensors"
    facts = {
        "classes": ("dark", "grey", "bright"),
        "mean": (0.5,),
        "std": (0.25,),
        "augmentation": Augmentation(1, True),
    }
    write_dataset(path, Dataset(**arrays, **facts))
    return path


def job(role="alone", epochs=4, **more):
    settings = {
        "role": role,
        "name": "small",
        "architecture": "cnn",
        "options": {"channels": [8, 8]},
        "recipe": Recipe(epochs=epochs, batch_size=16, lr=0.05),
        "methods": [("cross_entropy", {})],
        "seed": 3,
    }
    return TrainJob(**{**settings, **more})


def outputs_in(folder):
    names = ("metrics.json", "history.csv", "model.safetensors", "test_logits.npy", "board")
    names += ("validation_logits.npy",)
    return Outputs(*(folder / name for name in names))


def run(folder, dataset, what, **more):
    outputs = outputs_in(folder)
    train.main(what, dataset, outputs, compute=CPU, **more)
    return json.loads(outputs.metrics.read_text())


def rows_of(folder):
    with open(folder / "history.csv", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def teacher(dataset, tmp_path_factory):
    folder = tmp_path_factory.mktemp("teacher")
    return folder, run(folder, dataset, job("teacher", name="big", seed=1000, epochs=12))


def make_targets(teacher, dataset, folder, seed, epochs=4, code="abc", **more):
    """Store targets; return the note, and all that it declares as a table: (rows, samples, classes) float16."""
    note = folder / str(seed) / f"{epochs}.json"
    what = TargetsJob(seed=seed, epochs=epochs, **more)
    model = teacher[0] / "model.safetensors"
    cache_targets.main(what, code, dataset, model, folder / "table", note, compute=CPU)
    return note, as_table(note, Rows(read_dataset(dataset, what.augmentation).augmentation, seed, 60), epochs)
