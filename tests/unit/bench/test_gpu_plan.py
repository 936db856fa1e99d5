"""How many epochs, and which teachers, a study on a lent GPU has; and what travels there."""

import importlib.util
import json
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "bench" / "gpu"


def script(name):
    spec = importlib.util.spec_from_file_location(f"gpu_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def plan():
    return script("plan")


def test_the_plan_is_what_the_clock_allows(plan):
    """With two networks of 1,000 and 10,000 images/s and 10,000 images, by hand.

    9,000 are trained on: 9 s an epoch of the teacher, 2 · 0.9 s of the student, 3 s of targets: 13.8 s. Five jobs
    take 12 s each, three at once: 20 s. Of 388 s three quarters of 368 are 276: 20 epochs.
    """
    plan.GUESS = {"slow": 1e3, "cnn": 1e4}
    assert plan.plan({"slow": 1e3, "cnn": 1e4}, 388.1, 10_000) == (["slow"], 20)
    assert plan.plan({"slow": 1e3, "cnn": 1e4}, 10_000, 10_000) == (["slow"], 30)
    assert plan.plan({"slow": 1e3, "cnn": 1e4}, 1, 10_000) == (["slow"], 1)


def test_the_slowest_teacher_is_left_out_first(plan):
    plan.GUESS = {"fast": 1e4, "slow": 1e2, "cnn": 1e4}
    teachers, epochs = plan.plan(plan.GUESS, 300, 10_000)
    assert teachers == ["fast"]
    assert epochs >= 8


def test_what_was_measured_replaces_the_guess(plan, tmp_path):
    plan.GUESS = {"resnet18": 1.0, "vgg16": 2.0, "cnn": 3.0}
    rows = [
        {"network": "resnet18", "eager_images_per_second": 10.0, "graph_images_per_second": 20.0},
        {"network": "vgg16", "error": "RuntimeError"},
        {"network": "cnn", "eager_images_per_second": 30.0},
    ]
    (tmp_path / "probe.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert plan.rates(tmp_path / "probe.jsonl") == {"resnet18": 20.0, "vgg16": 2.0, "cnn": 30.0}
    assert plan.rates(tmp_path / "none.jsonl") == plan.GUESS


def test_two_calls_carry_every_strip_once(tmp_path):
    for split, count in (("train", 10), ("test", 2)):
        for number in range(count):
            place = tmp_path / split / "cat" / f"{number:02}.webp"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()
    chosen = script("carry").chosen
    first, second = (chosen(tmp_path, call, False) for call in (1, 2))
    assert [path.stem for path in first] == ["00", "01", "02", "03", "04", "05"]
    assert sorted(first + second) == sorted(tmp_path.glob("*/*/*.webp"))
    assert len(chosen(tmp_path, 1, True)) == 2
