"""Test accuracy against the number of parameters, and against latency, for every row of the table."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, Formatter, FuncFormatter, LogLocator, NullLocator
from matplotlib.transforms import ScaledTranslation

from kd.plots.gain import MANY
from kd.plots.labels import place_names
from kd.plots.pareto import pareto_front
from kd.plots.style import BASELINE, DISTILLED, WARM, WIDTH, message, short, styled
from kd.results.latency import milliseconds
from kd.roles import BASELINE_ROW, DISTILLED_STUDENT, LABELS, MEAN, TEACHER

MOST_ABSENT = 4  # networks without a latency that are named
_SHAPES = "^v<>Ph*d"  # of the methods; teachers are squares, baselines circles
_TEACHER = "0.35"
_ASIDE = 16  # points of type that a mark is moved at most
FRONT = "Pareto front"


def draw_accuracy_parameters(table: pd.DataFrame) -> Figure:
    """Accuracy against the number of parameters; see `_draw`.

    A teacher of which there are only logits has no place.
    """
    rows = table[table["role"] != MEAN].assign(cost=table["parameters"].astype(float))
    return _draw(rows[rows["cost"].notna()], "parameters", EngFormatter(sep=" "))


def draw_accuracy_latency(table: pd.DataFrame, latency: Mapping[str, Any]) -> Figure:
    """Accuracy against the milliseconds for one image in PyTorch; see `_draw`.

    `latency` is what a latency.json holds. Networks that are not in it have no place, and are named above.
    """
    rows = table[table["role"] != MEAN]
    times = [milliseconds(latency, row.role, row.name, row.teacher, row.method) for row in rows.itertuples()]
    rows = rows.assign(cost=pd.Series(times, index=rows.index, dtype=float))
    absent = list(rows.loc[rows["cost"].isna(), "name"].unique())
    rows = rows[rows["cost"].notna()]
    if rows.empty:
        return message("no latency is known for any network of this study")
    some = ", ".join(map(short, absent[:MOST_ABSENT])) + (" …" if len(absent) > MOST_ABSENT else "")
    title = f"latency unknown: {some}" if absent else ""
    threads = latency["threads"]
    machine = f"{short(latency['device'], 30)}, {threads} thread{'s'[: threads != 1]}"
    label = f"milliseconds for one image ({machine})"
    return _draw(rows, label, FuncFormatter(lambda value, _: f"{value:g}"), title)


@styled
def _draw(rows: pd.DataFrame, label: str, numbers: Formatter, title: str = "") -> Figure:
    """Test accuracy against the column `cost`, with the Pareto front of all marks.

    Bars are ± one standard deviation over seeds; names stand beside teachers and baselines. A distilled
    student has no bar and no name: it stands above or below its baseline. Of several methods each is moved a
    little aside, so that their marks do not cover each other; more than MANY have one mark.
    """
    rows = _with_shifts(_with_marks(rows))
    groups = list(rows.groupby(["role", "mark"], sort=False, dropna=False))
    figure = Figure(figsize=(WIDTH, 4.0 + 0.18 * len(groups) / 3), layout="constrained")
    ax = figure.subplots()
    marks = list(rows["mark"].dropna().unique())
    for (role, mark), group in groups:
        if role == DISTILLED_STUDENT:
            _draw_method(ax, group, mark, marks.index(mark), len(marks))
        else:
            _draw_teacher_or_baseline(ax, group, role)
    front = pareto_front(rows["cost"], rows["test_accuracy"])
    _draw_front(ax, front)
    _finish(ax, label, numbers)
    ax.set_title(title, loc="left", fontsize=9)
    handles, labels = ax.get_legend_handles_labels()
    if labels[0] == FRONT:  # lines are named before points
        handles, labels = handles[1:] + handles[:1], labels[1:] + labels[:1]
    columns = 4 if len(labels) == 4 else 3
    spaces = {"handletextpad": 0.2, "columnspacing": 1.2}
    figure.legend(handles, labels, loc="outside upper left", ncols=columns, **spaces)
    figure.draw_without_rendering()  # settles the layout, without which no text has a place
    place_names(ax, rows, front)
    return figure


def _with_marks(rows: pd.DataFrame) -> pd.DataFrame:
    """Add `mark`, what the legend says of a distilled student; empty for all else."""
    methods = rows["method"].where(rows["method"] != "")
    count = methods.nunique()
    names = methods.map(short, na_action="ignore").astype(object)
    if count > MANY:
        names = names.where(names.isna(), f"{count} methods")
    return rows.assign(mark=names)


def _with_shifts(rows: pd.DataFrame) -> pd.DataFrame:
    """Add `shift`, by how many points of type a mark is moved to the right of its cost.

    It is 0 where the cost is not that of the baseline: the method changed the student, and between two
    costs that are nearly the same a shift would look like one.
    """
    marks = list(rows["mark"].dropna().unique())
    middle = (len(marks) - 1) / 2
    step = min(8, 2 * _ASIDE / max(1, len(marks) - 1))
    shifts = {mark: (place - middle) * step for place, mark in enumerate(marks)}
    baselines = rows[rows["role"] == BASELINE_ROW].set_index("name")["cost"]
    unchanged = rows["cost"] == rows["name"].map(baselines)
    return rows.assign(shift=rows["mark"].map(shifts).where(unchanged).fillna(0.0).astype(float))


def _draw_teacher_or_baseline(ax: Axes, group: pd.DataFrame, role: str) -> None:
    marker, colour = ("s", _TEACHER) if role == TEACHER else ("o", BASELINE)
    x, y, deviations = group["cost"], group["test_accuracy"], group["test_accuracy_std"]
    ax.errorbar(x, y, deviations, fmt=marker, color=colour, lw=1, capsize=2, label=LABELS[role], zorder=3)


def _draw_method(ax: Axes, group: pd.DataFrame, mark: str, place: int, count: int) -> None:
    colour = WARM(0.62 + 0.33 * place / (count - 1)) if count > 1 else DISTILLED
    style = {"fmt": _SHAPES[place], "color": colour, "mfc": "none"}
    for first, (shift, some) in zip((True, False), group.groupby("shift"), strict=False):
        aside = ScaledTranslation(shift / 72, 0, ax.figure.dpi_scale_trans)
        x, y = some["cost"], some["test_accuracy"]
        label = f"distilled, {mark}" if first else None
        ax.errorbar(x, y, transform=ax.transData + aside, label=label, **style)
        ax.update_datalim(list(zip(x, y, strict=True)))  # what is moved aside would not widen the axes


def _draw_front(ax: Axes, front: pd.DataFrame) -> None:
    """A step at each mark of the front; a front of one mark has no line."""
    if len(front) > 1:
        style = {"drawstyle": "steps-post", "color": "#2a788e", "lw": 1.2, "ls": (0, (4, 2)), "zorder": 1}
        ax.plot(front["cost"], front["accuracy"], label=FRONT, **style)


def _finish(ax: Axes, label: str, numbers: Formatter) -> None:
    """A logarithmic axis with room for names, and for marks moved aside, at both ends."""
    ax.set_xscale("log")
    ax.margins(x=0.14, y=0.08)
    least, most = ax.get_xlim()
    subs = (1, 2, 5) if most / least < 500 else (1, 3)  # as many numbers as there is room for
    ax.xaxis.set_major_locator(LogLocator(10, subs=subs, numticks=20))
    ax.xaxis.set_major_formatter(numbers)
    ax.xaxis.set_minor_locator(NullLocator())
    ax.grid()
    ax.set(xlabel=label, ylabel="test accuracy (%)")
