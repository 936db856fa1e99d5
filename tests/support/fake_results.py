"""A made-up study as it lies in its folder, for the tests of the report: no number in it was measured."""

import json
import random
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from fake_runs import fake_study

from kd.io.files import read_json
from kd.report.study.sources import Study
from kd.results.runs import read_cells
from kd.results.table import summarise
from kd.results.table_csv import read_table, write_table

CLASSES = [f"class {letter}" for letter in "abcdefghij"]
PICTURE = b"\x89PNG a picture"
FIGURE = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 200"><circle cx="9" cy="9" r="9"/></svg>'
CARD = {
    "dataset": "mine",
    "classes": ["ant", "bee"],
    "image_shape": [28, 30, 1],
    "images": {"train": 4500, "validation": 500, "test": 1200},
    "images_per_class": {
        "train": {"ant": 2000, "bee": 2500},
        "validation": {"ant": 250, "bee": 250},
        "test": {"ant": 1, "bee": 1199},
    },
    "mean": [0.13071],
    "std": [0.30812],
    "pad": 2,
    "flip": False,
    "area": None,
    "views": 25,
    "sha256": "ab" * 32,
    "source": "https://example.org/mine",
    "files": {"mine.gz": "cd" * 32},
    "licence": "unknown: nobody knows",
    "paper": "Somebody 2020",
    "published": {"mean": [0.1307], "std": [0.3081], "largest_difference": 0.00012},
}
RECIPE = {"epochs": 20, "batch_size": 128, "lr": 0.05, "momentum": 0.9, "weight_decay": 0.0005}
FIGURES = (
    *("accuracy_parameters", "accuracy_latency", "accuracy_size", "gain", "heat_map"),
    *("teacher_gain", "learning_curves", "loss_curves"),
)


def cell_of(run: dict[str, Any]) -> str:
    """The folder of a run's cell below that of its study; a config allows no name that is no folder's."""
    run = run | {key: re.sub(r"[^\w.-]", "_", run[key] or "") for key in ("name", "teacher", "method")}
    if run["role"] == "teacher":
        return f"teachers/{run['name']}"
    if run["role"] == "alone":
        return f"alone/{run['name']}"
    return f"distilled/{run['teacher']}/{run['name']}/{run['method']}"


def folder_of(run: dict[str, Any]) -> str:
    """The folder of a run below that of its study; a teacher has one run."""
    return cell_of(run) if run["role"] == "teacher" else f"{cell_of(run)}/{run['seed']}"


def fake_diagnosis(runs: Sequence[dict[str, Any]], classes: Sequence[str] = CLASSES) -> dict[str, Any]:
    """The diagnosis.json of a cell, whose runs these are."""
    first = runs[0]
    about = {key: first[key] for key in ("role", "name", "teacher", "method")}
    return about | {"classes": list(classes), "runs": [_diagnosed(run, len(classes)) for run in runs]}


def _diagnosed(run: dict[str, Any], classes: int) -> dict[str, Any]:
    draw = random.Random(f"{folder_of(run)} {run['seed']}")
    distilled = run["role"] == "distilled"
    reliability = [_bin(place, draw) for place in range(15)]
    gains = [round(draw.uniform(-3, 6), 2) for _ in range(classes)]
    return {
        "seed": run["seed"],
        "loss_correct": 0.08,
        "loss_wrong": 2.25,
        "correct": 1150,
        "wrong": 50,
        "ece": run["ece"],
        "nll": round(draw.uniform(0.2, 0.6), 4),
        "top5_accuracy": 99.25,
        "balanced_accuracy": 95.5,
        "macro_f1": 95.25,
        "calibrated": {"temperature": 1.375, "nll": 0.301, "ece": 1.125},
        "brier": 0.1234,
        "reliability": reliability,
        "confusion": [[100 if row == column else 1 for column in range(classes)] for row in range(classes)],
        "confused": [[place % classes, (place + 3) % classes, 20 - place] for place in range(10)],
        "class_accuracy": [90.0] * classes,
        "class_gain": gains if distilled else None,
        "fidelity": {"test": {"agreement": 93.1, "kl": 0.1875}, "train": None} if distilled else None,
        "worst": [],
        "soft_targets": [],
        "cka": None,
    }


def _bin(place: int, draw: random.Random) -> dict[str, Any]:
    low, high, count = place / 15, (place + 1) / 15, 0 if place < 3 else 10 * place**2
    known = {"confidence": (low + high) / 2, "accuracy": min(1.0, max(0.0, low + draw.uniform(-0.1, 0.1)))}
    return {"low": low, "high": high, "count": count} | (known if count else dict.fromkeys(known))


def fake_latency(names: Sequence[str]) -> dict[str, Any]:
    """A latency.json: each network a little slower than the one before."""
    times = [
        {"median": 0.25 + 0.5 * k, "low": 0.2 + 0.5 * k, "high": 0.3 + 0.5 * k} for k in range(len(names))
    ]
    networks = {
        name: {
            "architecture": name,
            "pytorch_ms": time,
            "onnxruntime_ms": {what: value / 10 for what, value in time.items()},
        }
        for name, time in zip(names, times, strict=True)
    }
    about = {"device": "AMD EPYC", "threads": 1, "batch": 1, "image": [1, 8, 8], "repetitions": 50}
    return about | {"versions": {"torch": "2.9.1"}, "networks": networks}


def fake_settings(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What config.resolved.yaml of these runs would hold."""
    networks = {
        side: {
            run["name"]: {"architecture": run["architecture"], **RECIPE}
            for run in runs
            if run["role"] == role
        }
        for side, role in (("teachers", "teacher"), ("students", "alone"))
    }
    methods = {run["method"]: {"method": "kd", "temperature": 4.0} for run in runs if run["method"]}
    changed = {
        "recipe.lr": {"value": 0.05, "default": 0.1},
        "dataset.crop_area": {"value": [0.1, 1], "default": None},
    }
    return {"x-changed": changed, "study": "mine", **networks, "methods": methods, "seeds": [0]}


def write_results(
    folder: Path,
    runs: Sequence[dict[str, Any]] | None = None,
    *,
    diagnosed: bool = True,
    figures: Sequence[str] = FIGURES,
    card: dict[str, Any] = CARD,
) -> dict[str, Any]:
    """Write the results of a study into `folder`; returns what build_report.main is called with."""
    runs = [run for run in runs or fake_study(seeds=1) if run["role"] != "teacher" or run["seed"] == 0]
    files: dict[str, Any] = {"metrics": [], "figures": [], "diagnoses": []}
    for run in runs:
        place = folder / folder_of(run)
        files["metrics"].append(_write(place / "metrics.json", json.dumps(run)))
        for name in ("model.safetensors", "test_logits.npy", "tensorboard/events"):
            _write(place / name, "weights" * 1000)
    cells: dict[str, list[dict[str, Any]]] = {}
    for run in runs if diagnosed else ():
        cells.setdefault(cell_of(run), []).append(run)
    for place, some in cells.items():
        text = json.dumps(fake_diagnosis(some))
        files["diagnoses"].append(_write(folder / place / "diagnosis.json", text))
        _write(folder / place / "diagnosis.html", "<!DOCTYPE html><title>diagnosis</title>")
    for name in figures:
        files["figures"].append(_write(folder / f"plots/{name}.svg", FIGURE))
        _write(folder / f"plots/{name}.png", "")
    (folder / "data").mkdir()
    (folder / "data/samples.png").write_bytes(PICTURE)
    cells_read = read_cells(files["metrics"], files["diagnoses"])
    known = {run.folder: run.diagnosed for cell in cells_read for run in cell.runs}
    measured = [known[path.parent] for path in files["metrics"]]
    write_table(folder / "table.csv", summarise(runs, measured))
    names = dict.fromkeys(run["name"] for run in runs)
    settings = yaml.safe_dump(fake_settings(runs), sort_keys=False)
    return files | {
        "config": _write(folder / "config.yaml", "# As it was given.\nstudy: mine\n"),
        "resolved": _write(folder / "config.resolved.yaml", settings),
        "report": folder / "report.html",
        "study": folder.name,
        "table": folder / "table.csv",
        "data": _write(folder / "data/summary.json", json.dumps(card)),
        "samples": folder / "data/samples.png",
        "latency": _write(folder / "latency.json", json.dumps(fake_latency(list(names)))),
    }


def study_of(folder: Path, runs: Sequence[dict[str, Any]]) -> tuple[Study, pd.DataFrame]:
    """A study of these runs in `folder`, as build_report reads it, and its table."""
    files = write_results(folder / "study", runs)
    study = Study(
        name="study",
        folder=folder / "study",
        cells=read_cells(files["metrics"], files["diagnoses"]),
        table=files["table"],
        figures=(),
        latency=files["latency"],
        measured=read_json(files["latency"]),
        card=files["data"],
        data=CARD,
        samples=PICTURE,
        given=files["config"],
        config="",
        settings={},
        resolved=files["resolved"],
    )
    return study, read_table(files["table"])


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path
