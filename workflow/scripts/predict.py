"""What an exported student predicts for pictures: python workflow/scripts/predict.py FOLDER IMAGE ..."""

import argparse
import csv
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from kd.datasets.readers.images import MEGAPIXELS, allow_megapixels
from kd.errors import UserError, shown
from kd.export.exported import Exported, load_exported
from kd.export.pictures import find
from kd.io.atomic import atomic
from kd.io.tables import no_formula

QUIET = 2.0  # seconds between two lines of progress
STDOUT = Path("-")


def main(arguments: list[str] | None = None) -> int:
    """Print the most probable classes of every picture; 0, or 1 if something could not be read."""
    options = _arguments(arguments)
    allow_megapixels(options.max_megapixels)
    try:
        file = "model_int8.onnx" if options.int8 else "model.onnx"
        exported = load_exported(options.export, file, calibrated=options.calibrated)
        if options.calibrated and not exported.threshold:
            print("note: no rejection threshold in this export: nothing is rejected", file=sys.stderr)
        files, wrong = find(options.pictures)
        table = None if STDOUT in (options.csv, options.json) else sys.stdout
        rows = predict(exported, files, options.top, wrong, table, options.calibrated)
        if options.csv:
            write_csv(options.csv, rows)
        if options.json:
            write_json(options.json, rows)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for line in wrong:
        print(f"error: {shown(line)}", file=sys.stderr)
    return 1 if wrong else 0


def predict(
    exported: Exported, files: list[str], top: int, wrong: list[str], table: TextIO | None, calibrated: bool
) -> list[dict[str, Any]]:
    """Each file that can be read with its `top` classes, most probable first; also a line of `table`.

    `calibrated`: it says whether a prediction is rejected. A line for each of the others is added to `wrong`.
    """
    rows, spoken = [], time.monotonic()
    width = max(map(len, exported.classes))
    for number, (file, probabilities) in enumerate(exported.predictions(files), 1):
        if isinstance(probabilities, str):  # what is wrong with the file
            wrong.append(probabilities)
            continue
        best = np.argsort(-probabilities, kind="stable")[:top]
        chosen = [{"class": exported.classes[k], "probability": float(probabilities[k])} for k in best]
        row = {"image": file, "predictions": chosen}
        cells = [f"{shown(guess['class']):<{width}} {guess['probability']:7.2%}" for guess in chosen]
        if calibrated:
            row["rejected"] = bool(chosen[0]["probability"] < exported.threshold)
            cells.insert(0, f"{'rejected' if row['rejected'] else '':<8}")
        rows.append(row)
        if table:
            print("   ".join([shown(file), *cells]), file=table)
        if time.monotonic() - spoken > QUIET:
            print(f"{number:,} of {len(files):,} pictures", file=sys.stderr)
            spoken = time.monotonic()
    return rows


def write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    """A line for each picture and class: image, rank, class, probability; rejected, if that is known.

    A text that a spreadsheet would compute begins with a quotation mark.
    """
    with _opened(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        judged = any("rejected" in row for row in rows)
        writer.writerow(["image", "rank", "class", "probability"] + ["rejected"] * judged)
        for row in rows:
            for rank, guess in enumerate(row["predictions"], 1):
                image, name = map(no_formula, (row["image"], guess["class"]))
                rejected = ["yes" if row["rejected"] else "no"] if judged else []
                writer.writerow([image, rank, name, f"{guess['probability']:.6f}", *rejected])


def write_json(path: Path, rows: list[dict[str, Any]]) -> None:
    """A list of pictures, each with its predictions."""
    with _opened(path) as file:
        file.write(json.dumps(rows, indent=2) + "\n")


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    """The file, which is whole in the end or absent; "-" is where lines are printed."""
    if path == STDOUT:
        yield sys.stdout
        return
    form = {"encoding": "utf-8", "errors": "replace", "newline": ""}
    with atomic(path) as temporary, open(temporary, "w", **form) as file:
        yield file


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"should be a whole number of 1 or more (it is {text!r})")
    return int(text)


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="What an exported student predicts for pictures. Each is made upright, cut to its middle"
        " square and resized, as the images of a data set are.",
    )
    parser.add_argument("export", type=Path, help="a folder that `snakemake export` made")
    parser.add_argument("pictures", nargs="+", help="pictures, or folders of pictures at any depth")
    parser.add_argument(
        "--top", type=_count, default=3, metavar="N", help="classes of each picture (default 3)"
    )
    parser.add_argument("--csv", type=Path, metavar="FILE", help="as CSV, too; - prints that alone")
    parser.add_argument("--json", type=Path, metavar="FILE", help="as JSON, too; - prints that alone")
    parser.add_argument(
        "--calibrated",
        action="store_true",
        help="with the recommended temperature and rejection threshold of config.json",
    )
    parser.add_argument("--int8", action="store_true", help="run model_int8.onnx")
    parser.add_argument(
        "--max-megapixels",
        type=_count,
        default=MEGAPIXELS,
        metavar="N",
        help=f"million pixels of the largest picture that is read (default {MEGAPIXELS})",
    )
    options = parser.parse_args(arguments)
    if options.csv == options.json == STDOUT:
        parser.error("--csv - and --json - cannot both be printed")
    return options


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # a name need not be in a terminal's alphabet
    try:
        sys.exit(main())
    except BrokenPipeError:  # the reader of stdout has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
