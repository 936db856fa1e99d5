"""Made-up runs that look like real ones, for the tests of the table, the pages and the plots."""

import itertools
import math
from typing import Any

import pandas as pd

TEACHERS = {  # name: (test accuracy in per cent, parameters, multiply-accumulates)
    "resnet18": (95.4, 11_173_962, 556_651_530),
    "preactresnet18": (95.1, 11_171_146, 556_650_506),
    "vgg16": (93.6, 14_728_266, 313_478_154),
    "googlenet": (95.2, 6_166_250, 1_529_488_394),
    "densenet121": (95.6, 6_956_298, 898_225_162),
    "mobilenet_v2": (94.1, 2_296_922, 94_595_082),
}
STUDENTS = {"cnn": (84.7, 122_570, 6_271_498), "vgg11": (91.5, 9_231_114, 153_293_834)}


def fake_run(role: str = "teacher", name: str = "resnet18", seed: int = 0, **changes: Any) -> dict[str, Any]:
    """The metrics of one run; `changes` replaces any of them."""
    accuracy, parameters, macs = (TEACHERS | STUDENTS).get(name, (90.0, 1_000_000, 50_000_000))
    accuracy = changes.get("test_accuracy", accuracy)
    distilled = role == "distilled"
    run = {
        "role": role,
        "name": name,
        "architecture": name,
        "teacher": "resnet18" if distilled else None,
        "method": "kd" if distilled else None,
        "seed": seed,
        "epochs": 20,
        "loss_function": "0.1·CE + 0.9·T²·KL, T=4" if distilled else "CE",
        "train_loss": 0.0123,
        "train_accuracy": 99.5,
        "validation_loss": 0.31,
        "validation_accuracy": accuracy - 0.3,
        "test_loss": 0.32,
        "test_accuracy": accuracy,
        "selected_epoch": 19,
        "selected_validation_accuracy": accuracy - 0.1,
        "selected_test_accuracy": accuracy - 0.05,
        "agreement": 93.2 if distilled else None,
        "ece": 3.21,
        "parameters": parameters,
        "macs": macs,
        "seconds": 754.4,
        "device": "NVIDIA H100",
        "versions": {"python": "3.12.8", "torch": "2.9.1"},
        "commit": "0123456789abcdef0123456789abcdef01234567",
    }
    unknown = changes.keys() - run.keys()
    assert not unknown, unknown
    return run | changes


def fake_study(
    teachers: int = 6, students: int = 2, seeds: int = 3, methods: tuple[str, ...] = ("kd",), epochs: int = 20
) -> list[dict[str, Any]]:
    """All runs of a study; accuracies wobble from seed to seed as they would, the same in every call."""
    runs = []
    for seed, (name, (accuracy, *_)) in itertools.product(range(seeds), list(TEACHERS.items())[:teachers]):
        measured = accuracy + _wobble(seed, name)
        runs.append(fake_run("teacher", name, seed, test_accuracy=measured, epochs=epochs))
    for seed, (name, (accuracy, *_)) in itertools.product(range(seeds), list(STUDENTS.items())[:students]):
        alone = accuracy + _wobble(seed, name)
        runs.append(fake_run("alone", name, seed, test_accuracy=alone, epochs=epochs))
        for teacher, method in itertools.product(list(TEACHERS)[:teachers], methods):
            gain = 0.6 + 2 * _wobble(0, name + teacher + method) + _wobble(seed, teacher + name + method)
            changes = {"teacher": teacher, "method": method, "epochs": epochs}
            changes |= {"test_accuracy": alone + gain, "agreement": 92 + gain}
            runs.append(fake_run("distilled", name, seed, **changes))
    return runs


def fake_pairs(*gains: Any, seeds: int = 3, methods: tuple[str, ...] = ("kd",)) -> list[dict[str, Any]]:
    """Runs of a student whose baseline has 80 %, with these gains by method, teacher and seed.

    The teachers t0, t1, ... have 95 %.
    """
    runs = [fake_run("teacher", f"t{k}", test_accuracy=95.0) for k in range(len(gains[0]))]
    runs += [fake_run("alone", "cnn", seed, test_accuracy=80.0) for seed in range(seeds)]
    for method, of_teachers in zip(methods, gains, strict=True):
        for k, of_seeds in enumerate(of_teachers):
            for seed, gain in enumerate(of_seeds):
                changes = {"teacher": f"t{k}", "method": method, "test_accuracy": 80 + gain}
                runs.append(fake_run("distilled", "cnn", seed, **changes))
    return runs


def fake_history(run: dict[str, Any]) -> pd.DataFrame:
    """A history that ends at the run's validation accuracy."""
    last, epochs = run["test_accuracy"] - 0.3, range(1, run["epochs"] + 1)
    start = 35 + 10 * _wobble(run["seed"], run["name"])
    pace = run["epochs"] / 5
    rows = []
    for epoch in epochs:
        left = math.exp(-epoch / pace) * (1 - epoch / run["epochs"])
        wobble = _wobble(epoch + 100 * run["seed"], f"{run['name']}{run['teacher']}{run['method']}")
        noise = 3 * (1 - epoch / run["epochs"]) * wobble
        accuracy = last - (last - start) * left + noise
        rows.append({"epoch": epoch, "lr": 0.1 * left, "loss": 2 * left, "train_accuracy": accuracy})
        rows[-1] |= {"validation_loss": 1.0, "validation_accuracy": accuracy, "seconds": 3.0}
        rows[-1] |= {"images_per_second": 50_000.0, "ce": 1.0}
    return pd.DataFrame(rows)


def _wobble(seed: int, name: str) -> float:
    """A number in (-0.5, 0.5) that looks random and depends on nothing but its arguments."""
    return math.sin(12.9898 * seed + sum(map(ord, name)) * 78.233) * 43758.5453 % 1 - 0.5
