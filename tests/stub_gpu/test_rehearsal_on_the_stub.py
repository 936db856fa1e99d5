"""The two calls of bench/gpu to their ends, on a GPU of the stand-in and a tiny data set."""

import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import cuda_stub
import numpy as np
import pytest
from checkout import ROOT, copy_code
from PIL import Image

HERE = Path(__file__).parent
CLASSES = [f"class{number}" for number in range(10)]
TEACHERS = ["resnet18", "vgg16"]  # the others are slow without PyTorch's cache
BRIEF = {
    "TESTS": "15",  # they fail on values here, and are ended
    "PROBE_OPTIONS": "--networks cnn --images 256",
    "BENCH_OPTIONS": "--networks cnn --images 256 --repeats 1 --threads 2",
    "PLAN_OPTIONS": f"--epochs 1 --width 0.125 --teachers {' '.join(TEACHERS)}",
}


@pytest.fixture
def lent(tmp_path):
    """How a command runs in a working tree on the machine with the stand-in."""
    if reason := cuda_stub.lacks():
        pytest.skip(reason)
    tree = tmp_path / "tree"
    copy_code(tree)
    for folder in ("bench", "tests"):
        shutil.copytree(ROOT / folder, tree / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tree)
    for command in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=a", "commit", "-qm", "."],
    ):
        subprocess.run(["git", *command], cwd=tree, check=True)
    (tmp_path / "out").mkdir()
    paths = HERE / "study", HERE, HERE.parent / "support"
    with tempfile.TemporaryDirectory() as folder:
        variables = cuda_stub.build(Path(folder)) | BRIEF
        variables |= {"SITE": os.pathsep.join(map(str, paths)), "OUT": str(tmp_path / "out")}
        variables["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

        def run(*command, **more):
            done = subprocess.run(
                command, cwd=tree, env=variables | more, capture_output=True, text=True, timeout=900
            )
            assert done.returncode == 0, done.stderr[-3000:]
            return done.stdout

        yield run


def strips(folder):
    """One strip of 60 images of each class and split: a batch of the recipe is 512."""
    random = np.random.default_rng(0)
    for place in (folder / split / name for split in ("train", "test") for name in CLASSES):
        place.mkdir(parents=True)
        pixels = random.integers(0, 256, (60 * 32, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(place / "00.webp", lossless=True)
    return folder


@pytest.mark.full
def test_both_calls_end_with_a_table_and_a_report(lent, tmp_path):
    data, out = strips(tmp_path / "strips"), tmp_path / "out"
    carry = sys.executable, "bench/gpu/carry.py"
    lent(*carry, "1", data, "--tiny")
    first = lent("bash", "bench/gpu/first.sh")
    assert first.splitlines()[-1].startswith("== done")
    assert "Traceback" not in (out / "bench.err").read_text()
    row = json.loads((out / "probe.jsonl").read_text())
    assert row["network"] == "cnn"
    assert row["graph_recorded"]
    assert "| cnn" in (out / "bench.txt").read_text()
    assert (out / "gpu-tests.txt").read_text()[:1] in (".", "F")

    lent(*carry, "2", data, "--tiny", "--probe", out / "probe.jsonl")
    second = lent("bash", "bench/gpu/second.sh", "800", **cuda_stub.UNCACHED)
    assert second.splitlines()[-1].startswith("== done")
    with open(out / "table.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows if row["role"] == "teacher"] == TEACHERS
    assert [row["teacher"] for row in rows if row["role"] == "distilled student"] == TEACHERS
    assert (out / "report.html").stat().st_size > 100_000
    assert (
        "results/lent/logs"
        in subprocess.run(
            ["tar", "tzf", out / "study.tgz"], capture_output=True, text=True, check=True
        ).stdout
    )


@pytest.mark.full
def test_a_part_of_the_first_call_that_gets_no_seconds_is_left_out(lent, tmp_path):
    lent(sys.executable, "bench/gpu/carry.py", "1", strips(tmp_path / "strips"), "--tiny")
    said = lent("bash", "bench/gpu/first.sh", TESTS="0", PROBE="0", BENCH="0")
    assert said.count("left out") == 2  # the tests say it in the file that comes back
    assert (tmp_path / "out" / "gpu-tests.txt").read_text() == "left out\n"
    assert not (tmp_path / "out" / "probe.jsonl").exists()
    assert (tmp_path / "out" / "bench.txt").read_text() == "left out\n"
