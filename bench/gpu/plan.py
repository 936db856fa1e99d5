"""Writes the config of the study: as many epochs as the seconds left allow, by what probe.py measured.

python bench/gpu/plan.py PROBE.jsonl SECONDS STRIPS OUT.yaml
"""

import json
import sys
from pathlib import Path

import yaml

# Images per second of a training where the probe brought nothing: half of what was estimated for an H100.
GUESS = {"resnet18": 25e3, "preact_resnet18": 26e3, "vgg16": 45e3, "mobilenet": 40e3, "googlenet": 7e3}
GUESS |= {"densenet": 7e3, "cnn": 150e3}
OPTIONS = {"densenet": {"growth": 32}, "vgg16": {"lr": 0.05}, "mobilenet": {"lr": 0.05}}  # diverge at 0.1
STUDENT, JOBS, STRIP = "cnn", 3, 500  # jobs at once, images of a strip
START = 12.0  # seconds of a job before its first step and after its last
SURE = 0.75  # of the time is planned with; the rest is for what nobody knows
LEAST, MOST = 8, 30  # epochs: with fewer, teachers are left out


def rates(probe: Path) -> dict[str, float]:
    """Images per second of each network: replayed steps, else eager ones, else the guess."""
    measured = dict(GUESS)
    rows = map(json.loads, probe.read_text().splitlines()) if probe.exists() else []
    for row in rows:
        rate = row.get("graph_images_per_second") or row.get("eager_images_per_second")
        measured |= {row["network"]: rate} if rate and row["network"] in GUESS else {}
    return measured


def plan(rate: dict[str, float], seconds: float, images: int) -> tuple[list[str], int]:
    """The teachers and the number of epochs that fit; the slowest teachers go first."""
    teachers, trained = [name for name in GUESS if name != STUDENT], 0.9 * images
    while True:
        epoch = sum(trained / rate[name] for name in teachers) + (len(teachers) + 1) * trained / rate[STUDENT]
        epoch += sum(trained / (3 * rate[name]) for name in teachers)  # targets: forward passes
        left = SURE * (seconds - (3 * len(teachers) + 2) * START / JOBS)
        epochs = int(left / epoch)
        if epochs >= LEAST or len(teachers) == 1:
            return teachers, max(1, min(epochs, MOST))
        teachers.remove(min(teachers, key=rate.get))


def config(teachers: list[str], epochs: int, strips: int) -> dict:
    """The study: each teacher, one student alone and by each; a short recipe that needs no warm-up."""
    recipe = {"epochs": epochs, "batch_size": 128, "lr": 0.1, "momentum": 0.9, "nesterov": True}
    return {
        "study": "lent",
        "dataset": {"name": "strips", "path": "results/strips", "strips": strips, "validation": 0.1},
        "recipe": recipe | {"weight_decay": 5e-4, "schedule": "cosine"},
        "teachers": {name: OPTIONS.get(name, {}) for name in teachers},
        "students": {STUDENT: {}},
        "pairs": "all",
        "methods": {"kd": {"temperature": 4, "ce_weight": 0.1, "kd_weight": 0.9}},
        "seeds": [0],
        "compute": {"slots_per_device": JOBS, "compile": "never", "checkpoint_seconds": 1000},
    }


def main(probe: str, seconds: str, strips: str, out: str) -> None:
    """Write the config, and print what it holds."""
    rate = rates(Path(probe))
    teachers, epochs = plan(rate, float(seconds), int(strips) * STRIP)
    Path(out).write_text(yaml.safe_dump(config(teachers, epochs, int(strips)), sort_keys=False))
    print(f"{len(teachers)} teachers, {epochs} epochs of {int(strips) * STRIP} images in {seconds} s")


if __name__ == "__main__":
    main(*sys.argv[1:])
