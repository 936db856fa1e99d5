"""Names beside points: each where it covers nothing else."""

import itertools
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.transforms import Bbox

from kd.plots.style import short


class Point(NamedTuple):
    """A mark in the numbers of the axes, half the length of its upright bar, and its name."""

    x: float
    y: float
    bar: float = 0.0
    name: str = ""


def place_names(
    ax: Axes, named: Iterable[Point], marks: Iterable[Point], front: pd.DataFrame | None = None
) -> None:
    """Write the name of each of the points `named` beside it.

    All `marks` are kept free, and so are the steps of `front`, its columns `cost` and `accuracy`, where there
    is another place. The layout of the figure must be settled.
    """
    taken = [_box_of_point(ax, mark) for mark in marks]
    steps = [] if front is None else _boxes_of_steps(ax, front)
    for point in named:
        place, box = _free_place(ax, point, taken, steps)
        taken.append(box)
        style = {"textcoords": "offset points", "ha": "center", "va": "center", "fontsize": 9}
        style["bbox"] = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}  # the grid passes below it
        if 0 not in place:  # a name right beside its point needs no line
            style["arrowprops"] = {"arrowstyle": "-", "color": "0.6", "lw": 0.7, "shrinkA": 0, "shrinkB": 4}
        ax.annotate(short(point.name), (point.x, point.y), place, **style)


def _box_of_point(ax: Axes, point: Point) -> Bbox:
    """The pixels under a marker and its bar."""
    ends = [(point.x, point.y - point.bar), (point.x, point.y + point.bar)]
    return Bbox(ax.transData.transform(ends)).padded(4 * _pixels(ax))


def _boxes_of_steps(ax: Axes, front: pd.DataFrame) -> list[Bbox]:
    """The pixels under each step: across at its accuracy, and up at the cost of the next."""
    points = ax.transData.transform(front[["cost", "accuracy"]].to_numpy())
    boxes = []
    for (x, y), (next_x, next_y) in itertools.pairwise(points):
        boxes += [Bbox([(x, y), (next_x, y)]), Bbox([(next_x, y), (next_x, next_y)])]
    return [box.padded(_pixels(ax)) for box in boxes]


def _free_place(
    ax: Axes, point: Point, taken: Sequence[Bbox], steps: Sequence[Bbox]
) -> tuple[tuple[float, float], Bbox]:
    """The nearest place where a name covers no point, no bar, no other name and, if it can be, no step.

    Returned are the offset of its middle from the point, in points of type, and the pixels that it fills;
    where all is taken, of the last place tried.
    """
    probe = ax.text(0, 0, short(point.name), fontsize=9)
    size = probe.get_window_extent()
    probe.remove()
    frame, scale = ax.get_window_extent(), _pixels(ax)
    x, y = ax.transData.transform((point.x, point.y))
    for kept, (right, up) in itertools.product([[*taken, *steps], taken], _offsets(size.width / scale / 2)):
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
