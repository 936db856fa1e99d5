"""Test accuracy against what a network costs: parameters, latency, or the size of its file."""

import math

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FuncFormatter, LogLocator, NullLocator

from kd.plots.cost.costs import Cost
from kd.plots.cost.labels import Point, place_names
from kd.plots.cost.pareto import pareto_front
from kd.plots.palette import Look, looks_of
from kd.plots.style import BASELINE, NARROW, TEACHER_GREY, WIDTH, message, settle, short, styled
from kd.roles import DISTILLED_STUDENT, LABELS, TEACHER

MOST_ABSENT = 4  # networks of unknown cost that are named
FRONT = "Pareto front"


def caption(cost: Cost) -> str:
    """At most 30 words, made for this study."""
    rows = cost.rows[cost.rows["cost"].notna()]
    if rows.empty:
        return f"The {cost.name} of no network of this study is known."
    bars = " Bars: standard deviation over seeds." if (rows["test_accuracy_std"] > 0).any() else ""
    front = len(pareto_front(rows["cost"], rows["test_accuracy"])) > 1
    line = " Dashed line: Pareto front, which no network beats in both." if front else ""
    return f"Test accuracy against the {cost.name}, on a logarithmic scale.{bars}{line}"


@styled
def draw_accuracy(cost: Cost, width: float = WIDTH) -> Figure:
    """Test accuracy against the `cost` of all networks, with the Pareto front.

    Bars are ± one standard deviation over seeds; names stand beside teachers and baselines. A distilled
    student has no bar and no name: its mark is above or below the baseline, unless its method changed it.
    Networks of unknown cost are named above.
    """
    rows = cost.rows[cost.rows["cost"].notna()]
    if rows.empty:
        return message(f"no {cost.name} is known for any network of this study", width)
    looks = looks_of(rows.loc[rows["role"] == DISTILLED_STUDENT, "method"])
    figure = Figure(figsize=(width, 4.0 + 0.06 * len(set(looks.values()))), layout="constrained")
    ax = figure.subplots()
    for role, group in rows[rows["role"] != DISTILLED_STUDENT].groupby("role", sort=False):
        _draw_teachers_or_baselines(ax, group, role)
    for method, look in looks.items():
        _draw_method(ax, rows[rows["method"] == method], look)
    front = pareto_front(rows["cost"], rows["test_accuracy"])
    if len(front) > 1:  # a front of one mark has no line
        style = {"drawstyle": "steps-post", "color": "#2a788e", "lw": 1.2, "ls": (0, (4, 2)), "zorder": 1}
        ax.plot(front["cost"], front["accuracy"], label=FRONT, **style)
    _finish(ax, cost, width)
    _add_legend(figure, ax, width)
    settle(figure)
    _add_names(ax, rows, front)
    return figure


def _draw_teachers_or_baselines(ax: Axes, group: pd.DataFrame, role: str) -> None:
    marker, colour = ("s", TEACHER_GREY) if role == TEACHER else ("o", BASELINE)
    x, y, deviations = group["cost"], group["test_accuracy"], group["test_accuracy_std"]
    ax.errorbar(x, y, deviations, fmt=marker, color=colour, lw=1, capsize=2, label=LABELS[role], zorder=3)


def _draw_method(ax: Axes, group: pd.DataFrame, look: Look) -> None:
    """Open marks, of which one is seen through another: those of a student all have its cost."""
    known = look.label in ax.get_legend_handles_labels()[1]  # many methods share a look
    style = {"color": look.colour, "mfc": "none", "ls": "", "mew": 1.3, "zorder": 4}
    ax.plot(group["cost"], group["test_accuracy"], look.marker, label=None if known else look.label, **style)


def _add_legend(figure: Figure, ax: Axes, width: float) -> None:
    handles, labels = ax.get_legend_handles_labels()
    order = sorted(
        range(len(labels)), key=lambda place: (labels[place] == FRONT, labels[place].startswith("dist"))
    )
    columns = 2 if width <= NARROW else 4 if len(labels) == 4 else 3
    spaces = {"handletextpad": 0.2, "columnspacing": 1.2}
    chosen = [handles[place] for place in order], [labels[place] for place in order]
    figure.legend(*chosen, loc="outside upper left", ncols=columns, **spaces)


def _finish(ax: Axes, cost: Cost, width: float) -> None:
    """A logarithmic axis with room for names at both ends."""
    ax.set_xscale("log")
    ax.margins(x=0.14, y=0.08)
    least, most = ax.get_xlim()
    decades = math.log10(most / least) * WIDTH / width  # as many numbers as there is room for
    subs = (1, 2, 5) if decades < 2.7 else (1, 3) if decades < 5 else (1,)
    ax.xaxis.set_major_locator(LogLocator(10, subs=subs, numticks=20))
    plain = FuncFormatter(lambda value, _: f"{value:g}")
    ax.xaxis.set_major_formatter(EngFormatter(sep=" ") if cost.prefixed else plain)
    ax.xaxis.set_minor_locator(NullLocator())
    ax.grid()
    ax.set(xlabel=cost.label, ylabel="test accuracy (%)")
    absent = list(cost.rows.loc[cost.rows["cost"].isna(), "name"].unique())
    some = ", ".join(map(short, absent[:MOST_ABSENT])) + (" …" if len(absent) > MOST_ABSENT else "")
    ax.set_title(f"{cost.name} unknown: {some}" if absent else "", loc="left", fontsize=9)


def _add_names(ax: Axes, rows: pd.DataFrame, front: pd.DataFrame) -> None:
    distilled = rows["role"] == DISTILLED_STUDENT
    bars = rows["test_accuracy_std"].fillna(0).where(~distilled, 0)
    columns = rows["cost"], rows["test_accuracy"], bars, rows["name"]
    points = [Point(*values) for values in zip(*columns, strict=True)]
    named = [point for point, student in zip(points, distilled, strict=True) if not student]
    place_names(ax, named, points, front)
