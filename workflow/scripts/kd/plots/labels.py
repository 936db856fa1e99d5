"""Names beside points: each where it covers nothing else."""

import itertools
from collections.abc import Iterable

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.transforms import Bbox

from kd.plots.style import short
from kd.roles import DISTILLED_STUDENT


def place_names(ax: Axes, rows: pd.DataFrame, front: pd.DataFrame) -> None:
    """Write the name of each teacher and each baseline beside its point: `cost` and `test_accuracy`.

    The marks of distilled students, moved to the right by `shift` points of type, are kept free as well, and
    so are the steps of `front`, its columns `cost` and `accuracy`, where there is another place.
    """
    taken = [_box_of_point(ax, row) for row in rows.itertuples()]
    steps = _boxes_of_steps(ax, front)
    for row in rows[rows["role"] != DISTILLED_STUDENT].itertuples():
        place, box = _free_place(ax, row, taken, steps)
        taken.append(box)
        style = {"textcoords": "offset points", "ha": "center", "va": "center", "fontsize": 9}
        style["bbox"] = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}  # the grid passes below it
        if 0 not in place:  # a name right beside its point needs no line
            style["arrowprops"] = {"arrowstyle": "-", "color": "0.6", "lw": 0.7, "shrinkA": 0, "shrinkB": 4}
        ax.annotate(short(row.name), (row.cost, row.test_accuracy), place, **style)


def _box_of_point(ax: Axes, row) -> Bbox:
    """The pixels under a marker and, where one is drawn, its bar."""
    has_bar = row.role != DISTILLED_STUDENT and pd.notna(row.test_accuracy_std)
    bar = row.test_accuracy_std if has_bar else 0.0
    ends = [(row.cost, row.test_accuracy - bar), (row.cost, row.test_accuracy + bar)]
    box = Bbox(ax.transData.transform(ends)).padded(4 * _pixels(ax))
    return box.translated(row.shift * _pixels(ax), 0)


def _boxes_of_steps(ax: Axes, front: pd.DataFrame) -> list[Bbox]:
    """The pixels under each step: across at its accuracy, and up at the cost of the next."""
    points = ax.transData.transform(front[["cost", "accuracy"]].to_numpy())
    boxes = []
    for (x, y), (next_x, next_y) in itertools.pairwise(points):
        boxes += [Bbox([(x, y), (next_x, y)]), Bbox([(next_x, y), (next_x, next_y)])]
    return [box.padded(_pixels(ax)) for box in boxes]


def _free_place(ax: Axes, row, taken: list[Bbox], steps: list[Bbox]) -> tuple[tuple[float, float], Bbox]:
    """The nearest place where a name covers no point, no bar, no other name and, if it can be, no step.

    Returned are the offset of its middle from the point, in points of type, and the pixels that it fills;
    where all is taken, of the last place tried.
    """
    probe = ax.text(0, 0, short(row.name), fontsize=9)
    size = probe.get_window_extent()
    probe.remove()
    frame, scale = ax.get_window_extent(), _pixels(ax)
    x, y = ax.transData.transform((row.cost, row.test_accuracy))
    for kept, (right, up) in itertools.product([taken + steps, taken], _offsets(size.width / scale / 2)):
        left, bottom = x + right * scale - size.width / 2, y + up * scale - size.height / 2
        box = Bbox.from_bounds(left, bottom, *size.size).padded(2 * scale, 0)
        inside = frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1
        if inside and not any(box.overlaps(other) for other in kept):
            break
    return (right, up), box


def _offsets(half: float) -> Iterable[tuple[float, float]]:
    """Places around a point for a name `2 * half` wide, the nearest first, in points of type."""
    yield from ((half + 7, 0), (-half - 7, 0), (0, 12), (0, -12))
    for far in range(12, 120, 6):
        for aside in (half + 8, -half - 8, half + 30, -half - 30):
            yield from ((aside, far), (aside, -far))


def _pixels(ax: Axes) -> float:
    """Pixels to a point of type."""
    return ax.figure.dpi / 72
