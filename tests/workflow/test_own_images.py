"""From a folder of one's own photos to a student that names a new one: what config/README.md promises."""

import csv
import json
import subprocess
import sys

import numpy as np
import pytest
import yaml
from PIL import Image

CLASSES = {"sky": (60, 120, 220), "grass": (60, 160, 60), "sand": (220, 190, 120)}
pytestmark = pytest.mark.full


def take_photos(folder, scenes, first=0):
    """Three classes that differ in colour: four shots of each scene, all a little different."""
    random = np.random.RandomState(first)
    for name, colour in CLASSES.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for scene in range(first, first + scenes):
            shape = random.randint(-50, 50, (5, 7, 1))
            for shot in range(4):
                pixels = np.clip(colour + shape + random.randint(-5, 5, (5, 7, 3)), 0, 255).astype(np.uint8)
                picture = Image.fromarray(pixels).resize((70, 50), Image.Resampling.BICUBIC)
                picture.save(folder / name / f"scene{scene}_{shot}.jpg")


def script(fresh, name, *arguments):
    done = subprocess.run(
        [sys.executable, f"workflow/scripts/{name}", *arguments],
        cwd=fresh.folder,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_new_run_export_predict(fresh):
    """The study that `new` writes, in a variant that takes seconds."""
    photos, unseen = fresh.folder / "photos", fresh.folder / "unseen"
    take_photos(photos, scenes=6)
    take_photos(unseen, scenes=1, first=6)
    options = "--teacher resnet8 --students cnn --image-size 16 --seeds 2 --yes"
    out = script(fresh, "new_study.py", "--study", "places", "--data", "photos", *options.split())
    assert "72 images of 3 classes (grass 24, sand 24, sky 24)" in out
    assert "near-duplicates of training images in the test split: " in out  # shots of the same scenes

    pattern = r"^(\w+/scene\d+)_"
    changes = {"dataset": {"group_by": pattern}, "recipe": {"epochs": 6}, "compute": {"device": "cpu"}}
    variant = {"extends": "places.yaml", "study": "quick", **changes}
    (fresh.folder / "config" / "quick.yaml").write_text(yaml.safe_dump(variant))
    run = ["--config", "seeds=[3]"]
    assert fresh.snakemake(*run, config="config/quick.yaml").returncode == 0
    results = fresh.folder / "results" / "quick"
    card = json.loads((results / "data" / "summary.json").read_text())
    assert card["notes"] == []  # no scene is in both splits
    assert card["images"] == {"train": 48, "validation": 12, "test": 12}
    assert (results / "distilled" / "resnet8" / "cnn" / "kd" / "3" / "metrics.json").is_file()
    kept = yaml.safe_load((results / "config.yaml").read_text())
    assert (kept["study"], kept["seeds"], list(kept["teachers"])) == ("quick", [3], ["resnet8"])
    assert (kept["dataset"]["group_by"], kept["dataset"]["image_size"]) == (pattern, 16)
    assert "extends" not in kept
    assert "Nothing to be done" in fresh.snakemake("--dry-run", *run, config="config/quick.yaml").stdout

    assert fresh.snakemake("export", *run, config="config/quick.yaml").returncode == 0
    export = "results/quick/export/resnet8/cnn/kd"
    script(fresh, "predict.py", export, "unseen", "--csv", "predictions.csv")
    with open(fresh.folder / "predictions.csv") as file:
        best = [row for row in csv.DictReader(file) if row["rank"] == "1"]
    assert len(best) == 12
    right = sum(row["image"].split("/")[-2] == row["class"] for row in best)
    assert right >= 10
