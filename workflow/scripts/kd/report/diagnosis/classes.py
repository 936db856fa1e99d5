"""The list of classes in a diagnosis: the accuracy in a class, and its gain."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd
from markupsafe import Markup

from kd.report.diagnosis.drawings import bar, gain_bar
from kd.report.html import KINDS, headings, row, table, tag
from kd.results.format import number, signed, verdict
from kd.results.significance import t_half_width

MOST = 40  # classes that are listed; of more, the ends of the list


def class_list(diagnosis: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Its table and rows, of means over the seeds, which are called `names`, and how many are left out."""
    rows = [_row(diagnosis, place) for place in range(len(diagnosis["classes"]))]
    images = sorted({row["images"] for row in rows})
    gained = any(row["gain"] is not None for row in rows)
    left = max(0, len(rows) - MOST)
    if left:
        rows = _ends(rows, "gain" if gained else "accuracy")
    most = max((abs(row["gain"]) for row in rows if row["gain"] is not None), default=0)
    seeds = names if gained and len(names) > 1 else ()
    drawn = [_drawn(row, most, bool(seeds)) for row in rows]
    return {
        "gained": gained,
        "left": left,
        "images": _counted(images),
        "rows": drawn,
        "table": _table(drawn, gained, seeds, uneven=len(images) > 1),
    }


def _table(rows: Sequence[Mapping[str, Any]], gained: bool, seeds: Sequence[str], uneven: bool) -> Markup:
    """With the numbers of images where the classes have not equally many."""
    columns = headings(["class"] + ["test images"] * uneven)
    double = ["accuracy, %"] + ["gain, points"] * gained
    columns += [tag("th", name, scope="col", colspan=2) for name in double]
    columns += [tag("th", f"gain, {seed}", scope="col") for seed in seeds]
    td, lines = partial(tag, "td"), []
    for shown in rows:
        cells = [td(shown["images"])] * uneven + [td(shown["accuracy"]), td(shown["bar"], class_="wide")]
        if gained:
            cells += [td(shown["gain"], class_=shown["kind"] or None), td(shown["gain_bar"], class_="wide")]
        lines.append(row(shown["name"], [*cells, *map(td, shown["gains"])]))
    return table("Accuracy and gain of every class", columns, lines, kind="classes")


def _counted(images: Sequence[int]) -> str:
    """How many of a class there are, of all the counts that classes have."""
    if len(images) > 1:
        return f"{images[0]:,} to {images[-1]:,} test images"
    return f"{images[0]:,} test image" + "s" * (images[0] != 1)


def _row(diagnosis: Mapping[str, Any], place: int) -> dict[str, Any]:
    runs = diagnosis["runs"]
    gains = [run["class_gain"][place] if run["class_gain"] else None for run in runs]
    known = [gain for gain in gains if gain is not None]
    return {
        "name": diagnosis["classes"][place],
        "images": diagnosis["class_images"][place],
        "accuracy": mean_of(run["class_accuracy"][place] for run in runs),
        "gain": mean_of(gains),
        "half": t_half_width(pd.Series(known, dtype=float)),
        "gains": gains,
    }


def mean_of(values: Iterable[float | None]) -> float | None:
    """The mean of those that are known."""
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None


def _ends(rows: Sequence[dict[str, Any]], key: str) -> list[dict[str, Any]]:
    """The lowest and the highest by `key`; classes without test images stand nowhere."""
    ordered = sorted((row for row in rows if row[key] is not None), key=lambda row: row[key])
    half = MOST // 2
    return ordered[:half] + ordered[max(half, len(ordered) - half) :]


def _drawn(row: Mapping[str, Any], most: float, several: bool) -> dict[str, Any]:
    """As the table shows it: a gain has a colour where its interval over the seeds excludes 0."""
    accuracy, gain = row["accuracy"], row["gain"]
    mark = "" if gain is None else verdict(gain, row["half"])
    kind = KINDS.get(mark, "")
    spread = "" if pd.isna(row["half"]) else f" ± {row['half']:.1f}"
    return {
        "name": row["name"],
        "images": f"{row['images']:,}",
        "accuracy": number(accuracy, 1),
        "bar": "" if accuracy is None else bar(accuracy),
        "gain": f"{mark} {_signed(gain)}{spread}".strip(),
        "kind": kind,
        "gain_bar": "" if gain is None else gain_bar(gain, most, kind),
        "gains": [_signed(gain) for gain in row["gains"]] if several else [],
    }


def _signed(value: float | None) -> str:
    """`+1.4`, `−0.3`, and `0.0` without a sign."""
    return "0.0" if value is not None and abs(value) < 0.05 else signed(value, 1)
