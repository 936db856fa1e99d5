"""The list of classes in a diagnosis: the accuracy in a class, and its gain."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import pandas as pd
from markupsafe import Markup

from kd.report.diagnosis.drawings import bar, gain_strip
from kd.report.html import KINDS, headings, row, table, tag
from kd.results.format import DASH, interval, number, signed, verdict
from kd.results.significance import t_half_width

MOST = 40  # classes that are listed; of more, the ends of the list


class Gain(NamedTuple):
    """The gain of a class, in percentage points."""

    place: int
    name: str
    mean: float | None  # over the seeds; None of a class without test images
    half: float  # half-width of the 95 % interval; NaN of one seed
    seeds: Sequence[float | None]  # of each seed


def class_gains(diagnosis: Mapping[str, Any]) -> list[Gain]:
    """The gain of every class; None where there is no baseline."""
    runs = diagnosis["runs"]
    gains = []
    for place, name in enumerate(diagnosis["classes"]):
        seeds = [run["class_gain"][place] if run["class_gain"] else None for run in runs]
        known = pd.Series([gain for gain in seeds if gain is not None], dtype=float)
        gains.append(Gain(place, name, mean_of(seeds), t_half_width(known), seeds))
    return gains


def class_list(diagnosis: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Its table and rows, of means over the seeds, which are called `names`, and how many are left out.

    `by_seed` is a table of the gains of every seed, empty where there is one seed.
    """
    rows = [_row(diagnosis, gain) for gain in class_gains(diagnosis)]
    images = sorted({row["images"] for row in rows})
    gained = any(row["gain"].mean is not None for row in rows)
    left = max(0, len(rows) - MOST)
    if left:
        rows = _ends(rows, gained)
    most = max((abs(gain) for row in rows for gain in row["gain"].seeds if gain is not None), default=0)
    drawn = [_drawn(row, most) for row in rows]
    return {
        "gained": gained,
        "left": left,
        "images": _counted(images),
        "rows": drawn,
        "table": _table(drawn, gained, uneven=len(images) > 1),
        "by_seed": _by_seed([row["gain"] for row in rows], names) if gained and len(names) > 1 else "",
        "several": len(names) > 1,
    }


def _table(rows: Sequence[Mapping[str, Any]], gained: bool, uneven: bool) -> Markup:
    """With the numbers of images where the classes have not equally many."""
    columns = headings(["class"] + ["test images"] * uneven)
    double = ["accuracy, %"] + ["gain, points"] * gained
    columns += [tag("th", name, scope="col", colspan=2) for name in double]
    td, lines = partial(tag, "td"), []
    for shown in rows:
        cells = [td(shown["images"])] * uneven + [td(shown["accuracy"]), td(shown["bar"], class_="wide")]
        if gained:
            cells += [td(shown["gain"], class_=shown["kind"] or None), td(shown["strip"], class_="wide")]
        lines.append(row(shown["name"], cells))
    return table("Accuracy and gain of every class", columns, lines, kind="classes")


def _by_seed(gains: Sequence[Gain], names: Sequence[str]) -> Markup:
    lines = [row(gain.name, [tag("td", _signed(value)) for value in gain.seeds]) for gain in gains]
    return table("Gain of every class and seed", headings(["class", *names]), lines, kind="classes")


def _counted(images: Sequence[int]) -> str:
    """How many of a class there are, of all the counts that classes have."""
    if len(images) > 1:
        return f"{images[0]:,} to {images[-1]:,} test images"
    return f"{images[0]:,} test image" + "s" * (images[0] != 1)


def _row(diagnosis: Mapping[str, Any], gain: Gain) -> dict[str, Any]:
    return {
        "name": gain.name,
        "images": diagnosis["class_images"][gain.place],
        "accuracy": mean_of(run["class_accuracy"][gain.place] for run in diagnosis["runs"]),
        "gain": gain,
    }


def mean_of(values: Iterable[float | None]) -> float | None:
    """The mean of those that are known."""
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None


def _ends(rows: Sequence[dict[str, Any]], gained: bool) -> list[dict[str, Any]]:
    """The lowest and the highest by gain or accuracy; classes without test images stand nowhere."""

    def value(row: Mapping[str, Any]) -> float | None:
        return row["gain"].mean if gained else row["accuracy"]

    ordered = sorted((row for row in rows if value(row) is not None), key=value)
    half = MOST // 2
    return ordered[:half] + ordered[max(half, len(ordered) - half) :]


def _drawn(row: Mapping[str, Any], most: float) -> dict[str, Any]:
    """As the table shows it: a gain has a colour where its interval over the seeds excludes 0."""
    accuracy, gain = row["accuracy"], row["gain"]
    bounds = "" if gain.mean is None or pd.isna(gain.half) else interval(gain.mean, gain.half, 1)
    mark = "" if gain.mean is None else verdict(gain.mean, gain.half)
    kind = KINDS.get(mark, "")
    return {
        "name": row["name"],
        "images": f"{row['images']:,}",
        "accuracy": number(accuracy, 1),
        "bar": "" if accuracy is None else bar(accuracy),
        "gain": f"{mark} {_signed(gain.mean)} {bounds}".strip(),
        "kind": kind,
        "strip": "" if gain.mean is None else gain_strip(gain.mean, gain.seeds, most, kind),
    }


def _signed(value: float | None) -> str:
    """`+1.4`, `−0.3`, and `0.0` without a sign."""
    if value is None:
        return DASH
    return "0.0" if abs(value) < 0.05 else signed(value, 1)
