"""Three students of one teacher from start to end: a study of ours, and the usual trainer three times."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bench.checkout import TAIL, copy_checkout, snakemake
from bench.distillation import billed_ceiling
from bench.images import Pictures, load
from bench.interleave import ROOT, rounds, tell
from bench.spec import Setting, network
from bench.statistics import ratios, stat
from bench.usual_trainer import LR, Order
from kd.errors import UserError
from kd.plan.layout import Layout

TEACHER, STUDENT = "resnet56", "resnet20"
TEMPERATURES = (2, 4, 8)  # a student for each
BATCH = 64
IMAGES = 12_800  # for training
CLASSES = 100  # of made-up images
TEST = 5  # images for training to one for testing
REPEATS = 3  # at most: one takes minutes
STUDY, SEED = "three_students", 0


def measure(
    setting: Setting, teacher: str = TEACHER, student: str = STUDENT, *, auto_threads: bool = False
) -> Iterator[dict[str, Any]]:
    """One row: seconds that the students take, "ours" and by the usual trainer, and their "ratio".

    Everything is in both: starts of processes, imports, reading, evaluation, files. Ours is `snakemake` with
    all cores, asked for the students of a teacher that it has trained before: it stores the teacher's logits
    of what they will see, and trains them. The usual trainer is bench.usual_trainer, a process for each
    student after the other, on all cores. They take turns, each in processes that are new. "ceiling" is what
    work alone allows. `auto_threads`: ours with compute.threads: auto.
    """
    images = setting.images or IMAGES
    with tempfile.TemporaryDirectory() as folder:
        checkout, layout = Path(folder) / "checkout", Layout(STUDY)
        copy_checkout(checkout)
        write_images(Path(folder) / "images", load_images(images, setting.dataset))
        config = study(Path(folder) / "images", teacher, student, setting)
        config["compute"] |= {"threads": "auto"} if auto_threads else {}
        (checkout / "study.json").write_text(json.dumps(config), encoding="utf-8")
        model = layout.teacher(teacher).file("model")
        tell("study", f"images and the teacher, {teacher}, which are not measured")
        _snakemake(checkout, setting, model)
        order = {"dataset": checkout / layout.dataset, "teacher": checkout / model}
        ours, usual = [], []
        for repetition in rounds("study", min(REPEATS, setting.repeats)):
            tell("study", f"{repetition}, ours")
            ours.append(_time_ours(checkout, layout, setting, teacher, student))
            tell("study", f"{repetition}, the usual trainer")
            usual.append(_time_usual(order, student, setting, Path(folder)))
    row = {"teacher": teacher, "student": student, "students": len(TEMPERATURES), "batch": BATCH}
    row |= {"images": images, "cores": setting.threads, "ours": stat(ours), "reference": stat(usual)}
    row |= {"auto_threads": True} if auto_threads else {}
    row |= {"ratio": stat(ratios(usual, ours))}
    yield row | {"ceiling": billed_ceiling(teacher, student, len(TEMPERATURES))}


def load_images(count: int, dataset: str | None) -> tuple[Pictures, Pictures]:
    """Images to train with, `count` of them, and to test with: of a prepared data set, or made up."""
    pictures = load(count + max(1, count // TEST), dataset)
    if dataset is None:
        classes = max(2, min(CLASSES, count // TEST // 2))
        labels = np.arange(len(pictures.labels)) % classes
        pictures = replace(pictures, labels=labels, classes=classes)
    parts = slice(count), slice(count, None)
    train, test = (
        replace(pictures, images=pictures.images[part], labels=pictures.labels[part]) for part in parts
    )
    return train, test


def write_images(folder: Path, parts: tuple[Pictures, Pictures]) -> None:
    """PNG files, a folder for each class, as the data set image_folder reads them."""
    for name, part in zip(("train", "test"), parts, strict=True):
        for label in range(part.classes):
            (folder / name / f"{label:03}").mkdir(parents=True)
        for number, (pixels, label) in enumerate(zip(part.images, part.labels, strict=True)):
            Image.fromarray(pixels.squeeze()).save(folder / name / f"{label:03}" / f"{number:06}.png")


def study(images: Path, teacher: str, student: str, setting: Setting) -> dict[str, Any]:
    """The config."""
    return {
        "study": STUDY,
        "dataset": {"name": "image_folder", "path": str(images), "validation": 0, "pad": 4, "flip": True},
        "recipe": {"epochs": 1, "batch_size": BATCH, "lr": LR, "schedule": "constant"},
        "teachers": {teacher: _entry(teacher)},
        "students": {student: _entry(student)},
        "methods": {_method(value): {"method": "kd", "temperature": value} for value in TEMPERATURES},
        "seeds": [SEED],
        "compute": {"device": setting.device},
    }


def _entry(name: str) -> dict[str, Any]:
    chosen = network(name)
    return {"architecture": chosen.architecture, **chosen.options}


def _method(temperature: float) -> str:
    return f"kd_{temperature}"


def _snakemake(checkout: Path, setting: Setting, *targets: str) -> float:
    files = ["--configfile", "study.json", "--", *targets]
    return snakemake(checkout, "--cores", str(setting.threads), "--resources", "gpu=1", *files)[0]


def _time_ours(checkout: Path, layout: Layout, setting: Setting, teacher: str, student: str) -> float:
    """Seconds from the start of Snakemake until the students are there; nothing is left of earlier ones."""
    for made in ("targets", "distilled", "work"):
        shutil.rmtree(checkout / layout.root / made, ignore_errors=True)
    folders = [layout.distilled(teacher, student, _method(value)) for value in TEMPERATURES]
    return _snakemake(checkout, setting, *(folder.seed(SEED).file("metrics") for folder in folders))


def _time_usual(order: dict[str, Path], student: str, setting: Setting, folder: Path) -> float:
    """Seconds of as many processes, one after the other."""
    paths = [str(ROOT), str(ROOT / "workflow" / "scripts"), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    files = {name: str(path) for name, path in order.items()}
    how = {"student": network(student), "batch": BATCH, "threads": setting.threads, "device": setting.device}
    started = time.perf_counter()
    for temperature in TEMPERATURES:
        text = Order(**files, **how, temperature=temperature).model_dump_json()
        command = [sys.executable, "-m", "bench.usual_trainer", text]
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment)
        if done.returncode:
            raise UserError(f"the usual trainer ended with code {done.returncode}:\n{done.stderr[-TAIL:]}")
    return time.perf_counter() - started
