"""The matrices of a diagnosis: which classes are confused, and which feature maps are alike."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from kd.report.diagnosis.pictures import change_picture, confusion_picture
from kd.report.html import headings, row, table, tag
from kd.results.format import number, signed

WHOLE = 20  # classes of which the confusion matrix is a table, and not a picture
PICTURE = '<img class="matrix" src="{}" alt="{}">'
CAPTION = "Confusion matrix: rows are the true classes, columns the predicted ones"
CHANGE = "Difference to the confusion matrix of the baseline: blue is better, red is worse"
Matrix = Sequence[Sequence[int]]


def confusion_views(runs: Sequence[Mapping[str, Any]], classes: Sequence[str]) -> dict[str, Markup]:
    """The confusion matrix over all seeds, each form of it by its name; empty where it was not kept."""
    if not runs[0]["confusion"]:
        return {}
    mean = np.mean([run["confusion"] for run in runs], axis=0)  # (true, predicted)
    changes = [run["confusion_change"] for run in runs]
    change = None if None in changes else np.mean(changes, axis=0)
    if len(classes) > WHOLE:
        views = {"% of the true class": Markup(PICTURE).format(confusion_picture(mean), CAPTION)}
        if change is not None:
            picture = change_picture(change, mean.sum(1))
            views["difference to the baseline"] = Markup(PICTURE).format(picture, CHANGE)
        return views
    shares = 100 * mean / np.maximum(mean.sum(1, keepdims=True), 1)
    views = {
        "% of the true class": _table("Confusion matrix, per cent", shares, shares, classes, _percent),
        "images": _table("Confusion matrix, images", mean, shares, classes, _images),
    }
    if change is not None:
        points = 100 * change / np.maximum(mean.sum(1, keepdims=True), 1)
        views["difference to the baseline"] = _table(
            "Confusion matrix, difference to the baseline", points, points, classes, _points
        )
    return views


def confusion_matrix(confusion: Matrix | None, classes: Sequence[str], run: str) -> Markup:
    """Images, of the run of this name; empty where it was not kept."""
    if not confusion:
        return Markup("")
    if len(classes) > WHOLE:
        return Markup(PICTURE).format(confusion_picture(confusion), CAPTION)
    counts = np.array(confusion, dtype=float)
    shares = 100 * counts / np.maximum(counts.sum(1, keepdims=True), 1)
    return _table(f"Confusion matrix, {run}", counts, shares, classes, _images)


def _table(
    label: str, values: np.ndarray, shares: np.ndarray, classes: Sequence[str], text: Callable[[float], str]
) -> Markup:
    """`shares` of the true class in per cent, or their change, say how dark a cell is and in which colour."""
    upright = "long" if max(map(len, classes)) > 4 else None
    columns = headings(["true", *(tag("span", name, class_=upright) for name in classes)])
    rows = []
    for true, name in enumerate(classes):
        cells = [
            _cell(text(value), share, hit=predicted == true)
            for predicted, (value, share) in enumerate(zip(values[true], shares[true], strict=True))
        ]
        rows.append(row(name, cells))
    return table(label, columns, rows, kind="square")


def _cell(text: str, share: float, *, hit: bool) -> Markup:
    """Blue for what is good, more of the diagonal and less beside it; by the root, so that few are seen."""
    if text == "0":
        return tag("td", "0", class_="quiet")
    return _shaded(text, min(1.0, abs(share) / 100) ** 0.5, "hit" if hit == (share > 0) else "miss")


def _images(value: float) -> str:
    """A mean over seeds: `12`, `0.3`."""
    return f"{value:.1f}".removesuffix(".0")


def _percent(value: float) -> str:
    if value == 0:
        return "0"
    return f"{value:.0f}" if value >= 9.95 else f"{value:.1f}"


def _points(value: float) -> str:
    return "0" if abs(value) < 0.05 else signed(value, 1)


def cka_table(values: Sequence[Sequence[float | None]], run: str) -> Markup:
    """Of the run of this name; `values` are (maps of the teacher, maps of the student)."""
    columns = headings(["teacher", *(f"map {place}" for place in range(1, len(values[0]) + 1))])
    rows = [
        row(f"map {place}", [_shaded(number(value), value or 0, "hit") for value in similarities])
        for place, similarities in enumerate(values, 1)
    ]
    return table(f"Similarity of feature maps, {run}", columns, rows, kind="square")


def _shaded(text: str, share: float, colour: str) -> Markup:
    """Never so dark that the number is not seen."""
    return tag("td", text, style=f"background: rgb(var(--{colour}) / {0.5 * share:.3f})")
