"""What a student that was shipped sees in pictures: python workflow/scripts/predict.py FOLDER IMAGE ..."""

import argparse
import csv
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from kd.errors import UserError
from kd.files import whole, write_text
from kd.shipping.exported import Exported, load_exported
from kd.shipping.pictures import find

QUIET = 2.0  # seconds between two lines that say how far it is


def main(arguments: list[str] | None = None) -> int:
    """Print the likeliest classes of every picture; 0, or 1 if something could not be read."""
    given = _parser().parse_args(arguments)
    try:
        exported = load_exported(given.export, "model_int8.onnx" if given.int8 else "model.onnx")
        files, wrong = find(given.pictures)
        rows = predict(exported, files, given.top, wrong)
        if given.csv:
            write_csv(given.csv, rows)
        if given.json:
            write_json(given.json, rows)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for line in wrong:
        print(f"error: {_shown(line)}", file=sys.stderr)
    return 1 if wrong else 0


def predict(exported: Exported, files: list[str], top: int, wrong: list[str]) -> list[dict[str, Any]]:
    """Of each file that can be read its `image` and its `top` classes, likeliest first; also printed.

    A line for each of the others is added to `wrong`.
    """
    rows, spoken = [], time.monotonic()
    width = max(map(len, exported.classes))
    for number, (file, found) in enumerate(exported.answers(files), 1):
        if isinstance(found, str):
            wrong.append(found)
            continue
        best = np.argsort(-found, kind="stable")[:top]
        chosen = [{"class": exported.classes[k], "probability": float(found[k])} for k in best]
        rows.append({"image": file, "predictions": chosen})
        cells = [f"{_shown(each['class']):<{width}} {each['probability']:7.2%}" for each in chosen]
        print("   ".join([_shown(file), *cells]))
        if time.monotonic() - spoken > QUIET:
            print(f"{number:,} of {len(files):,} pictures", file=sys.stderr)
            spoken = time.monotonic()
    return rows


def write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    """A line for each picture and class: image, rank, class, probability."""
    with (
        whole(path) as temporary,
        open(temporary, "w", encoding="utf-8", errors="replace", newline="") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["image", "rank", "class", "probability"])
        for row in rows:
            for rank, each in enumerate(row["predictions"], 1):
                writer.writerow([row["image"], rank, each["class"], f"{each['probability']:.6f}"])


def write_json(path: Path, rows: list[dict[str, Any]]) -> None:
    """A list of pictures, each with its predictions."""
    write_text(path, json.dumps(rows, indent=2) + "\n")


def _shown(text: str) -> str:
    """A name or line as a terminal can take it."""
    return text if text.isprintable() else ascii(text)


def _top(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"should be a whole number of 1 or more (it is {text!r})")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="What an exported student sees in pictures. Each is made upright, cut to its middle"
        " square and resized, as the images of a data set are.",
    )
    parser.add_argument("export", type=Path, help="a folder that `snakemake export` made")
    parser.add_argument("pictures", nargs="+", help="pictures, or folders of pictures at any depth")
    parser.add_argument(
        "--top", type=_top, default=3, metavar="N", help="classes of each picture (default 3)"
    )
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write them into a CSV file as well")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write them into a JSON file as well")
    parser.add_argument("--int8", action="store_true", help="run model_int8.onnx")
    return parser


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:  # whoever read what is printed has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
