"""Writes the config of the study: as many epochs as the seconds left allow, by what probe.py measured.

python bench/gpu/plan.py PROBE.jsonl SECONDS STRIPS OUT.yaml [--teachers NAME ...] [--epochs N] [--width W]
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import yaml

# Images per second of a training where the probe brought nothing: half of what was estimated for an H100.
GUESS = {"resnet18": 25e3, "preact_resnet18": 26e3, "vgg16": 45e3, "mobilenet": 40e3, "googlenet": 7e3}
GUESS |= {"densenet": 7e3, "cnn": 150e3}
OPTIONS = {"densenet": {"growth": 32}}
# What is taken of it into the study: its recipe and its augmentation.
FAST = Path(__file__).parents[2] / "config" / "cifar10_fast.yaml"
STUDENT, JOBS, STRIP = "cnn", 3, 500  # jobs at once, images of a strip
TEACHERS = tuple(name for name in GUESS if name != STUDENT)
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


def plan(
    rate: dict[str, float], seconds: float, images: int, among: Sequence[str] = ()
) -> tuple[list[str], int]:
    """The teachers, some `among` those named, and the epochs that fit; the slowest teachers go first."""
    teachers, trained = list(among or (name for name in GUESS if name != STUDENT)), 0.9 * images
    while True:
        epoch = sum(trained / rate[name] for name in teachers) + (len(teachers) + 1) * trained / rate[STUDENT]
        epoch += sum(trained / (3 * rate[name]) for name in teachers)  # targets: forward passes
        left = SURE * (seconds - (3 * len(teachers) + 2) * START / JOBS)
        epochs = int(left / epoch)
        if epochs >= LEAST or len(teachers) == 1:
            return teachers, max(1, min(epochs, MOST))
        teachers.remove(min(teachers, key=rate.get))


def options(name: str, width: float) -> dict:
    """The options of a network; `width` makes it narrow, for a rehearsal without a GPU."""
    if width == 1:
        return OPTIONS.get(name, {})
    narrow = {"growth": 4} if name == "densenet" else {"width": width}
    return OPTIONS.get(name, {}) | narrow


def config(teachers: list[str], epochs: int, strips: int, width: float) -> dict:
    """The study: each teacher, one baseline and a student of each, as cifar10_fast.yaml trains them."""
    fast = yaml.safe_load(FAST.read_text())
    data = {"name": "strips", "path": "results/strips", "strips": strips, "views": epochs}
    return {
        "study": "lent",
        "dataset": fast["dataset"] | data,
        "recipe": fast["recipe"] | {"epochs": epochs},
        "teachers": {name: options(name, width) for name in teachers},
        "students": {STUDENT: {}},
        "pairs": "all",
        "methods": {"kd": {"temperature": 4, "ce_weight": 0.1, "kd_weight": 0.9}},
        "seeds": [0],
        "compute": {"slots_per_device": JOBS, "compile": "never", "checkpoint_seconds": 1000},
    }


def main() -> None:
    """Write the config, and print what it holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("probe", type=Path)
    parser.add_argument("seconds", type=float)
    parser.add_argument("strips", type=int)
    parser.add_argument("out", type=Path)
    parser.add_argument("--teachers", nargs="+", choices=TEACHERS, default=TEACHERS)
    parser.add_argument("--epochs", type=int, help="instead of those that fit, with all teachers named")
    parser.add_argument("--width", type=float, default=1.0, help="of the networks")
    arguments = parser.parse_args()
    images = arguments.strips * STRIP
    teachers, epochs = plan(rates(arguments.probe), arguments.seconds, images, arguments.teachers)
    if arguments.epochs:
        teachers, epochs = arguments.teachers, arguments.epochs
    study = config(teachers, epochs, arguments.strips, arguments.width)
    arguments.out.write_text(yaml.safe_dump(study, sort_keys=False))
    print(f"{len(teachers)} teachers, {epochs} epochs of {images} images in {arguments.seconds:.0f} s")


if __name__ == "__main__":
    main()
