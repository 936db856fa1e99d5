"""Torchvision reads the same bytes to the same images, and has them from the same addresses."""

import gzip
import tarfile
from importlib import import_module

import numpy as np
import pytest
from archives import MADE
from torchvision import datasets

from kd import registry


def read(name, folder, monkeypatch, parts):
    """(images, labels) of each part, by torchvision's class of that name; it thinks the files are the real ones."""
    kind = getattr(datasets, name)
    monkeypatch.setattr(kind, "_check_integrity", lambda self: True, raising=False)
    monkeypatch.setattr(kind, "_check_exists", lambda self: True, raising=False)
    data_sets = [kind(folder, **part) for part in parts]
    images = [np.stack([np.asarray(image) for image, _ in data_set]) for data_set in data_sets]
    return [
        (array, [int(label) for _, label in data_set])
        for array, data_set in zip(images, data_sets, strict=True)
    ]


def unpack(name, folder, made):
    """What torchvision wants to find: unpacked files."""
    for file, content in made.files().items():
        (folder / file).write_bytes(content)
    if name in ("MNIST", "FashionMNIST"):
        (folder / name / "raw").mkdir(parents=True)
        for file, content in made.files().items():
            (folder / name / "raw" / file.removesuffix(".gz")).write_bytes(gzip.decompress(content))
    if name == "STL10":
        with tarfile.open(folder / "stl10_binary.tar.gz") as archive:
            archive.extractall(folder)  # made above; Python 3.11.2 knows no filter


BY_TRAIN = [{"train": True}, {"train": False}]
BY_SPLIT = [{"split": "train"}, {"split": "test"}]


@pytest.mark.parametrize(
    ("ours", "name", "parts"),
    [
        ("mnist", "MNIST", BY_TRAIN),
        ("fashion_mnist", "FashionMNIST", BY_TRAIN),
        ("svhn", "SVHN", BY_SPLIT),
        ("stl10", "STL10", BY_SPLIT),
    ],
)
def test_the_same_images_labels_and_classes(tmp_path, monkeypatch, ours, name, parts):
    unpack(name, tmp_path, MADE[ours]())
    raw = import_module(f"kd.datasets.{ours}").load(tmp_path)
    train, test = read(name, tmp_path, monkeypatch, parts)
    side = raw.train_images.shape[1]
    for images, labels, (expected, marks) in (
        (raw.train_images, raw.train_labels, train),
        (raw.test_images, raw.test_labels, test),
    ):
        assert np.array_equal(images, expected.reshape(len(expected), side, side, -1))
        assert labels.tolist() == marks


def test_the_names_of_fashion():
    made = MADE["fashion_mnist"]()
    assert list(made.classes) == datasets.FashionMNIST.classes


@pytest.mark.parametrize(
    ("ours", "addresses"),
    [
        ("mnist", [datasets.MNIST.mirrors[0] + file for file, _ in datasets.MNIST.resources]),
        (
            "fashion_mnist",
            [datasets.FashionMNIST.mirrors[0] + file for file, _ in datasets.FashionMNIST.resources],
        ),
        ("svhn", [datasets.SVHN.split_list[split][0] for split in ("train", "test")]),
        ("stl10", [datasets.STL10.url]),
        # torchvision's are the Python archives, made of pickles
        ("cifar10", [datasets.CIFAR10.url.replace("python", "binary")]),
        ("cifar100", [datasets.CIFAR100.url.replace("python", "binary")]),
    ],
)
def test_the_same_addresses(ours, addresses):
    known = registry.datasets()[ours].constants
    assert {f"{known['MIRROR']}/{file}" for file in known["FILES"]} == set(addresses)
