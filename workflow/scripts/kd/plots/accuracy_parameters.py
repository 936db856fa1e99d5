"""Test accuracy against the number of parameters, for every row of the table."""

from collections.abc import Iterable

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, NullLocator
from matplotlib.transforms import Bbox, ScaledTranslation

from kd.plots.style import ALONE, WARM, WIDTH, short, styled

_SHAPES = "^v<>Ph*dX8"  # of the methods; teachers are squares, students alone circles
_TEACHER = "0.35"


@styled
def draw_accuracy_parameters(table: pd.DataFrame) -> Figure:
    """Bars are ± one standard deviation over seeds; names stand beside teachers and students alone.

    A distilled student has no bar and no name: it stands above or below the same student alone, and where
    there are several methods, each is moved a little aside, so that their marks can be told apart. A teacher
    of which there are only logits has no place.
    """
    rows = table[(table["role"] != "mean over pairs") & table["parameters"].notna()]
    rows = _with_shifts(rows)
    groups = list(rows.groupby(["role", "method"], sort=False, dropna=False))
    figure = Figure(figsize=(WIDTH, 4.0 + 0.18 * len(groups) / 3), layout="constrained")
    ax = figure.subplots()
    methods = 0
    for (role, method), group in groups:
        if role == "distilled student":
            _draw_method(ax, group, short(method), methods, rows["method"].nunique())
            methods += 1
        else:
            _draw_alone(ax, group, role)
    _finish(ax)
    figure.legend(loc="outside upper left", ncols=3, handletextpad=0.2, columnspacing=1.2)
    figure.draw_without_rendering()  # settles the layout, without which no text has a place
    _place_names(ax, rows)
    return figure


def _with_shifts(rows: pd.DataFrame) -> pd.DataFrame:
    """Add `shift`, by how many points of type a mark is moved to the right of its parameters."""
    methods = list(rows["method"].dropna().unique())
    middle = (len(methods) - 1) / 2
    step = min(8, 56 / max(1, len(methods) - 1))
    shifts = {method: (place - middle) * step for place, method in enumerate(methods)}
    return rows.assign(shift=rows["method"].map(shifts).fillna(0.0).astype(float))


def _draw_alone(ax: Axes, group: pd.DataFrame, role: str) -> None:
    marker, colour = ("s", _TEACHER) if role == "teacher" else ("o", ALONE)
    x, y, deviations = group["parameters"].astype(float), group["test_accuracy"], group["test_accuracy_std"]
    ax.errorbar(x, y, deviations, fmt=marker, color=colour, lw=1, capsize=2, label=role, zorder=3)


def _draw_method(ax: Axes, group: pd.DataFrame, method: str, place: int, count: int) -> None:
    colour = WARM(0.62 + 0.33 * place / max(1, count - 1))
    aside = ScaledTranslation(group["shift"].iloc[0] / 72, 0, ax.figure.dpi_scale_trans)
    x, y = group["parameters"].astype(float), group["test_accuracy"]
    style = {"fmt": _SHAPES[place % len(_SHAPES)], "color": colour, "mfc": "none"}
    ax.errorbar(x, y, transform=ax.transData + aside, label=f"distilled, {method}", **style)
    ax.update_datalim(list(zip(x, y, strict=True)))  # what is moved aside would not widen the axes by itself


def _finish(ax: Axes) -> None:
    """A logarithmic axis with room for names, and for marks moved aside, at both ends."""
    ax.set_xscale("log")
    ax.margins(x=0.14, y=0.08)
    least, most = ax.get_xlim()
    subs = (1, 2, 5) if most / least < 500 else (1, 3)  # as many numbers as there is room for
    ax.xaxis.set_major_locator(LogLocator(10, subs=subs, numticks=20))
    ax.xaxis.set_major_formatter(EngFormatter(sep=" "))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.grid()
    ax.set(xlabel="parameters", ylabel="test accuracy (%)")


def _place_names(ax: Axes, rows: pd.DataFrame) -> None:
    """Write the name of each teacher and each student alone beside its point."""
    taken = [_box_of_point(ax, row) for row in rows.itertuples()]
    for row in rows[rows["role"] != "distilled student"].itertuples():
        place, box = _free_place(ax, row, taken)
        taken.append(box)
        leader = {"arrowstyle": "-", "color": "0.6", "lw": 0.7, "shrinkA": 0, "shrinkB": 4}
        ax.annotate(
            short(row.name),
            (row.parameters, row.test_accuracy),
            xytext=place,
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=9,
            arrowprops=None if 0 in place else leader,  # a name right beside its point needs no line
        )


def _box_of_point(ax: Axes, row) -> Bbox:
    """The pixels under a marker and, where one is drawn, its bar."""
    has_bar = row.role != "distilled student" and pd.notna(row.test_accuracy_std)
    bar = row.test_accuracy_std if has_bar else 0.0
    ends = [(row.parameters, row.test_accuracy - bar), (row.parameters, row.test_accuracy + bar)]
    box = Bbox(ax.transData.transform(ends)).padded(4 * _pixels(ax))
    return box.translated(row.shift * _pixels(ax), 0)


def _free_place(ax: Axes, row, taken: list[Bbox]) -> tuple[tuple[float, float], Bbox]:
    """The nearest place where a name covers no point, no bar and no other name.

    Returned are the offset of its middle from the point, in points of type, and the pixels that it fills;
    where all is taken, of the last place tried.
    """
    probe = ax.text(0, 0, short(row.name), fontsize=9)
    size = probe.get_window_extent()
    probe.remove()
    frame, scale = ax.get_window_extent(), _pixels(ax)
    x, y = ax.transData.transform((row.parameters, row.test_accuracy))
    for right, up in _offsets(size.width / scale / 2):
        middle = x + right * scale, y + up * scale
        box = Bbox.from_bounds(middle[0] - size.width / 2, middle[1] - size.height / 2, *size.size).padded(
            2 * scale, 0
        )
        inside = frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1
        if inside and not any(box.overlaps(other) for other in taken):
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
