"""A made-up folder of images that is larger than what jobs keep in memory, through the whole workflow.

python -m bench.large_data FOLDER [--images 100000] [--side 64]: makes the images in FOLDER, runs a study of
two small networks for two epochs with packed and streamed images, and prints each job's peak memory and time.
"""

import argparse
import csv
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

ROOT = Path(__file__).parents[1]
CLASSES, TEST = 10, 0.1  # classes; share of the images in the test split
STUDY = "large_data"


def make_images(folder: Path, images: int, side: int) -> None:
    """Blocks of random colours, of which a class has more of its own: JPEG files, written once."""
    if (folder / "done").exists():
        return
    names = [f"class{number}" for number in range(CLASSES)]
    for split in ("train", "test"):
        for name in names:
            (folder / split / name).mkdir(parents=True, exist_ok=True)

    def make(number: int) -> None:
        random = np.random.default_rng(number)
        label, split = number % CLASSES, "test" if number // CLASSES % round(1 / TEST) == 0 else "train"
        blocks = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        blocks[label % 8, :, label % 3] = 255
        image = Image.fromarray(blocks).resize((side, side), Image.Resampling.BILINEAR)
        image.save(folder / split / names[label] / f"{number:07}.jpg", quality=80)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(make, range(images)))
    (folder / "done").touch()


def config(folder: Path, side: int) -> dict:
    """A study whose images are packed, and streamed in every job."""
    data = {"name": "image_folder", "path": str(folder), "image_size": side, "shards": "always", "pad": 2}
    return {
        "study": STUDY,
        "dataset": data | {"flip": False, "validation": 0.05, "views": 2},
        "recipe": {"epochs": 2, "batch_size": 256, "lr": 0.05},
        "teachers": {"resnet8": {"width": 0.5}},
        "students": {"cnn": {"channels": [8, 16]}},
        "methods": {"kd": {}},
        "seeds": [0],
        "compute": {"device": "cpu", "stream": "always"},
    }


def jobs(folder: Path) -> Iterator[tuple[str, float, float]]:
    """Of each job its name, seconds and the megabytes of its peak resident set, by Snakemake's benchmark."""
    for path in sorted(folder.rglob("*.tsv")):
        row = next(csv.DictReader(path.open(encoding="utf-8"), delimiter="\t"))
        yield str(path.relative_to(folder).with_suffix("")), float(row["s"]), float(row["max_rss"])


def main() -> None:
    """Make, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--side", type=int, default=64)
    options = parser.parse_args()
    print(f"makes {options.images:,} images in {options.folder}", flush=True)
    make_images(options.folder, options.images, options.side)
    file = options.folder / "study.yaml"
    file.write_text(yaml.safe_dump(config(options.folder.resolve(), options.side)))
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--configfile", str(file.resolve())]
    subprocess.run(command, cwd=ROOT, check=True)
    size = options.images * options.side**2 * 3
    print(f"\n{options.images:,} images of {options.side}x{options.side}: {size / 1e9:.2f} GB\n")
    print("| job | time | peak memory |\n|---|---:|---:|")
    for name, seconds, megabytes in jobs(ROOT / "results" / STUDY / "benchmarks"):
        print(f"| {name} | {seconds:.0f} s | {megabytes:.0f} MB |")


if __name__ == "__main__":
    main()
