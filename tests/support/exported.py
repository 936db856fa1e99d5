"""A student that is exported: a network of some hundred weights that knows scikit-learn's digits."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from fake_runs import fake_run
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional

import export_student
from kd.data.augmentation import Augmentation
from kd.data.dataset import Dataset, write_dataset
from kd.jobs.export import ExportJob
from kd.jobs.training import TrainJob
from kd.networks.checkpoint import save_network
from kd.networks.factory import build_network
from kd.settings.export import Export

CLASSES = (*"012345678", "<b>9</b>|`*nine*`")
ABOUT = {"architecture": "cnn", "options": {"channels": [8, 8]}, "in_channels": 1, "num_classes": 10}
MEAN, STD = (0.25,), (0.5,)
TEST = 150
ACCURACIES = {"distilled": (90.0, 94.0), "alone": (88.0, 89.0)}  # of seeds 0 and 1, in percent


@dataclass(frozen=True)
class ExportedStudent:
    """The folder, what it was made from, and the network itself."""

    folder: Path
    inputs: dict
    network: nn.Module
    images: np.ndarray  # (N, 8, 8) uint8, of the test split
    labels: np.ndarray


def small_export_job(**settings) -> ExportJob:
    run = TrainJob(
        role="distilled",
        name="small",
        teacher="resnet18",
        method_name="hot",
        architecture="cnn",
        options=ABOUT["options"],
        recipe={"epochs": 20, "lr": 0.05},
        methods=[("kd", {"temperature": 4.0})],
        seed=0,
    )
    about = {"data_name": "my digits", "hub_data": "someone/digits"}
    return ExportJob(
        study="digits", run=run, chain=("middle",), settings=Export(images=100, **settings), **about
    )


def normalised(images: np.ndarray) -> torch.Tensor:
    """As by hand: pixels as shares of 255, less the mean, over the deviation."""
    return torch.from_numpy((images[:, None] / 255 - MEAN[0]) / STD[0]).float()


def trained(images: np.ndarray, labels: np.ndarray) -> nn.Module:
    torch.manual_seed(0)
    network = build_network(*ABOUT.values())
    optimizer = torch.optim.Adam(network.parameters(), lr=0.03)
    for _ in range(80):
        optimizer.zero_grad()
        functional.cross_entropy(network(normalised(images)), torch.from_numpy(labels)).backward()
        optimizer.step()
    return network.eval()


def export(folder: Path, **settings) -> ExportedStudent:
    bunch = load_digits()
    images = np.rint(bunch.images * (255 / 16)).astype(np.uint8)
    labels = bunch.target.astype(np.int64)
    parts = np.split(np.arange(900), [TEST, TEST + 50])  # test, validation, train
    arrays = {}
    for part, chosen in zip(("test", "validation", "train"), parts, strict=True):
        arrays |= {f"{part}_images": images[chosen, :, :, None], f"{part}_labels": labels[chosen]}
    data = Dataset(**arrays, classes=CLASSES, mean=MEAN, std=STD, augmentation=Augmentation(1))
    write_dataset(folder / "dataset.safetensors", data)
    network = trained(images[parts[2][:300]], labels[parts[2][:300]])
    inputs = {"dataset": folder / "dataset.safetensors", "data": folder / "summary.json"}
    inputs |= {name: [] for name in ("models", "metrics", "test_logits", "validation_logits", "alone")}
    torch.manual_seed(1)
    networks = [build_network(*ABOUT.values()).eval(), network]  # the better one has seed 1
    for seed, model in enumerate(networks):
        place = folder / str(seed)
        save_network(place / "model.safetensors", model.state_dict(), **ABOUT)
        for part in ("test", "validation"):
            with torch.no_grad():
                logits = model(normalised(arrays[f"{part}_images"][..., 0])).numpy()
            np.save(place / f"{part}_logits.npy", logits)
            inputs[f"{part}_logits"].append(place / f"{part}_logits.npy")
        run = fake_run("distilled", "small", seed, test_accuracy=ACCURACIES["distilled"][seed], method="hot")
        alone = fake_run("alone", "small", seed, test_accuracy=ACCURACIES["alone"][seed])
        for name, content in (("metrics", run), ("alone", alone)):
            (place / f"{name}.json").write_text(json.dumps(content | {"architecture": "cnn"}))
            inputs[name].append(place / f"{name}.json")
        inputs["models"].append(place / "model.safetensors")
    (folder / "summary.json").write_text(json.dumps(CARD))
    (folder / "teacher.json").write_text(json.dumps(fake_run("teacher", "resnet18")))
    inputs["teacher"] = folder / "teacher.json"
    export_student.main(small_export_job(**settings), **inputs, folder=folder / "export")
    return ExportedStudent(
        folder / "export", inputs, network, arrays["test_images"][..., 0], arrays["test_labels"]
    )


CARD = {
    "dataset": "digits",
    "classes": CLASSES,
    "image_shape": [8, 8, 1],
    "images": {"train": 700, "validation": 50, "test": TEST},
    "images_per_class": {part: dict.fromkeys(CLASSES, 9) for part in ("train", "validation", "test")},
    "mean": MEAN,
    "std": STD,
    "pad": 1,
    "flip": False,
    "area": None,
    "views": 9,
    "sha256": "ab" * 32,
    "source": "comes with scikit-learn",
    "files": {},
    "licence": "unknown: nobody knows",
    "paper": "Kaynak 1995",
    "published": None,
}
