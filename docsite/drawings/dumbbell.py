"""Draws docs/images/dumbbell.svg: from baseline to distilled student, with every seed and the teachers.

It reads table.csv and metrics.json of a finished study: python -m docsite.drawings.dumbbell results/digits
"""

import argparse
import csv
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

from docsite.drawings.svg import frame, text
from docsite.taken import ROOT

TARGET = ROOT / "docs" / "images" / "dumbbell.svg"
WIDTH, LEFT, RIGHT = 450, 124, 395  # pixels: of the drawing, and where its axis begins and ends
TOP, ROW, HEAD = 52, 20, 24
Row = Mapping[str, str]


def draw(rows: list[Row], seeds: Mapping[tuple[str, ...], list[float]]) -> str:
    """The SVG of the rows of a table.csv; `seeds`: accuracies of the runs, by name, teacher and method."""
    teachers = {row["name"]: float(row["test_accuracy"]) for row in rows if row["role"] == "teacher"}
    pairs = [row for row in rows if row["role"] == "distilled student"]
    students = list(dict.fromkeys(row["name"] for row in pairs))
    low, high = _ends([*teachers.values(), *(value for values in seeds.values() for value in values)])
    height = TOP + len(students) * HEAD + len(pairs) * ROW + 40

    def at(accuracy: float) -> float:
        return LEFT + (RIGHT - LEFT) * (accuracy - low) / (high - low)

    parts, y = [*_legend(), *_axis(low, high, at, height)], TOP
    for name in students:
        own = sorted((row for row in pairs if row["name"] == name), key=_accuracy, reverse=True)
        parts.append(text(8, y + 12, f"{name}, distilled from", "head"))
        y += HEAD
        for row in own:
            parts += _row(row, y + ROW / 2 - 6, teachers.get(row["teacher"]), seeds, at)
            y += ROW
    return frame(WIDTH, height, parts)


def _accuracy(row: Row) -> float:
    return float(row["test_accuracy"])


def _ends(values: list[float]) -> tuple[float, float]:
    return math.floor(min(values)) - 0.5, math.ceil(max(values)) + 0.5


def _row(row: Row, y: float, teacher: float | None, seeds: Mapping, at) -> Iterator[str]:
    """One pair: the line from baseline to student, the seeds above and below it, teacher and gain."""
    after = _accuracy(row)
    gain = float(row["gain"])
    yield text(LEFT - 8, y + 4, row["teacher"], anchor="end")
    yield f'<path class="path" d="M{at(after - gain):.1f} {y:g}H{at(after):.1f}"/>'
    for kind, key, shift in (
        ("ink", (row["name"],), 5),
        ("bar", (row["name"], row["teacher"], row["method"]), -5),
    ):
        for value in seeds.get(key, ()):
            yield f'<circle class="seed {kind}" cx="{at(value):.1f}" cy="{y + shift:g}" r="1.8"/>'
    yield f'<circle class="hollow" cx="{at(after - gain):.1f}" cy="{y:g}" r="4"/>'
    yield f'<circle class="bar" cx="{at(after):.1f}" cy="{y:g}" r="4.5"/>'
    if teacher is not None:
        yield f'<path class="mark" d="M{at(teacher):.1f} {y - 6:g}v12"/>'
    yield text(WIDTH - 6, y + 4, f"{gain:+.2f}".replace("-", "−"), anchor="end")


def _legend() -> Iterator[str]:
    yield '<circle class="hollow" cx="14" cy="14" r="4"/>' + text(24, 18, "baseline")
    yield '<circle class="bar" cx="100" cy="14" r="4.5"/>' + text(110, 18, "distilled student")
    yield '<circle class="seed ink" cx="230" cy="14" r="1.8"/>' + text(238, 18, "one seed")
    yield '<path class="mark" d="M312 8v12"/>' + text(320, 18, "teacher")
    yield text(WIDTH - 6, 40, "gain", "head", "end")


def _axis(low: float, high: float, at, height: int) -> Iterator[str]:
    for tick in range(math.ceil(low / 2) * 2, math.floor(high) + 1, 2):
        yield f'<path class="grid" d="M{at(tick):.1f} {TOP - 6}V{height - 34}"/>'
        yield text(at(tick), height - 20, str(tick), anchor="middle")
    yield text((LEFT + RIGHT) / 2, height - 4, "test accuracy (%)", anchor="middle")


def read_seeds(results: Path) -> dict[tuple[str, ...], list[float]]:
    """Accuracies of the baselines, by name, and of the distilled students, by name, teacher and method."""
    seeds: dict[tuple[str, ...], list[float]] = {}
    for file in sorted(results.glob("alone/*/*/metrics.json")):
        seeds.setdefault((file.parts[-3],), []).append(_of(file))
    for file in sorted(results.glob("distilled/*/*/*/*/metrics.json")):
        teacher, student, method = file.parts[-5:-2]
        seeds.setdefault((student, teacher, method), []).append(_of(file))
    return seeds


def _of(file: Path) -> float:
    return json.loads(file.read_text(encoding="utf-8"))["test_accuracy"]


def main(results: Path, target: Path = TARGET) -> None:
    """Draw the picture from the folder of a finished study."""
    if not (results / "table.csv").is_file():
        raise SystemExit(f"error: {results} has no table.csv; run the study first")
    with open(results / "table.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    target.write_text(draw(rows, read_seeds(results)), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, help="folder of a finished study")
    main(parser.parse_args().results)
