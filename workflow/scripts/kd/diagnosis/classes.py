"""The list of classes in a diagnosis: how well each is told, and what teaching brought it."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from kd.cells import DASH, number
from kd.diagnosis.drawing import bar, gain_bar

MOST = 40  # classes that are listed; of more, the ends of the list


def class_list(diagnosis: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Its rows, of means over the seeds, which are called `names`, and how many classes are left out."""
    rows = [_row(diagnosis, place) for place in range(len(diagnosis["classes"]))]
    gained = any(row["gain"] is not None for row in rows)
    left = max(0, len(rows) - MOST)
    if left:
        rows = _ends(rows, "gain" if gained else "accuracy")
    most = max((abs(row["gain"]) for row in rows if row["gain"] is not None), default=0)
    seeds = list(names) if gained and len(names) > 1 else []
    return {"gained": gained, "seeds": seeds, "left": left, "rows": [_drawn(row, most) for row in rows]}


def _row(diagnosis: Mapping[str, Any], place: int) -> dict[str, Any]:
    runs = diagnosis["runs"]
    gains = [run["class_gain"][place] if run["class_gain"] else None for run in runs]
    accuracy = _mean([run["class_accuracy"][place] for run in runs])
    return {"name": diagnosis["classes"][place], "accuracy": accuracy, "gain": _mean(gains), "gains": gains}


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None


def _ends(rows: Sequence[dict[str, Any]], key: str) -> list[dict[str, Any]]:
    """The lowest and the highest by `key`; classes without test images stand nowhere."""
    ordered = sorted((row for row in rows if row[key] is not None), key=lambda row: row[key])
    half = MOST // 2
    return ordered[:half] + ordered[max(half, len(ordered) - half) :]


def _drawn(row: Mapping[str, Any], most: float) -> dict[str, Any]:
    accuracy, gain = row["accuracy"], row["gain"]
    return {
        "name": row["name"],
        "accuracy": number(accuracy, 1),
        "bar": "" if accuracy is None else bar(accuracy),
        "gain": _signed(gain),
        "gain_bar": "" if gain is None else gain_bar(gain, most),
        "gains": [_signed(each) for each in row["gains"]],
    }


def _signed(value: float | None) -> str:
    """`+1.4`, `−0.3`, and `0.0` without a sign."""
    if value is None:
        return DASH
    return f"{value:+.1f}".replace("-", "\N{MINUS SIGN}") if abs(value) >= 0.05 else "0.0"
