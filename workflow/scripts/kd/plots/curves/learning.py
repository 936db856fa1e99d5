"""Accuracy by epoch: teachers in one panel, then a panel per student and method."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import MaxNLocator

from kd.plots.curves.history import accuracy_of, most_accurate
from kd.plots.style import BASELINE, COLOURS, DISTILLED, NARROW, WIDTH, short, styled
from kd.roles import ALONE, TEACHER
from kd.roles import DISTILLED as DISTILLED_RUN

TITLE = "Learning curves"
_DASHES = ["-", (0, (5, 1.5)), (0, (1, 1)), (0, (6, 1.5, 1, 1.5)), (0, (3, 3)), (0, (5, 1, 1, 1, 1, 1))]
_SHAPES = "os^Dv*"
_PAIR, _MEAN, _BASELINE = "distilled, each teacher", "distilled, mean", "baseline"  # as the legend has them
_TRAINED = "on training images"
_NAMES = {"validation_accuracy": "validation accuracy", "train_accuracy": "training accuracy"}
MOST = 12  # panels of students
_HEIGHTS = {"teachers": 2.5, "students": 2.1}  # inches


def caption(curves: pd.DataFrame) -> str:
    """At most 30 words, made for this study."""
    validated = accuracy_of(curves) == "validation_accuracy"
    text = (
        "Validation accuracy" if validated else "No validation split: accuracy on augmented training images"
    )
    text += " by epoch: means, with the range of all runs as a band."
    panels = len(_panels(curves[curves["role"] != TEACHER]))
    if validated and curves["train_accuracy"].notna().any() and panels:
        text += " Dotted: accuracy on augmented training images."
    return text + (f" The {MOST} most accurate of {panels} panels." if panels > MOST else "")


@styled
def draw_learning_curves(curves: pd.DataFrame, width: float = WIDTH) -> Figure:
    """Draw what `gather` returns: lines are means over seeds, bands the range from lowest to highest."""
    measure = accuracy_of(curves)
    teachers = curves[curves["role"] == TEACHER]
    students = curves[curves["role"] != TEACHER]
    panels = most_accurate(_panels(students), MOST)
    columns = 1 if width <= NARROW and len(panels) <= 4 else min(2, len(panels))
    rows = -(-len(panels) // columns) if panels else 0
    heights = [_HEIGHTS["teachers"]] * (not teachers.empty) + [0.4 + _HEIGHTS["students"] * rows] * bool(rows)
    if width <= NARROW:
        heights[0] += 0.9 * (not teachers.empty)  # its legend is above
    figure = Figure(figsize=(width, sum(heights)), layout="constrained")
    parts = list(figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0])
    if not teachers.empty:
        _draw_teachers(parts.pop(0), teachers, measure, width)
    if panels:
        _draw_students(parts.pop(0), panels, students, measure, columns)
    return figure


def _panels(students: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The curves of each student, method by method, then of students that are not distilled, by title."""
    baselines = students[students["role"] == ALONE]
    distilled = students[students["role"] == DISTILLED_RUN]
    panels = {}
    for method, curves in distilled.groupby("method", sort=False):
        for name, group in curves.groupby("name", sort=False):
            both = pd.concat([baselines[baselines["name"] == name], group])
            panels[f"{short(name)}, {short(method)}"] = both
    for name, group in baselines[~baselines["name"].isin(distilled["name"])].groupby("name", sort=False):
        panels[short(name)] = group
    return panels


def _draw_teachers(part: SubFigure, teachers: pd.DataFrame, measure: str, width: float) -> None:
    ax = part.subplots()
    groups = dict(list(teachers.groupby("name", sort=False)))
    last = {name: curves[measure].iloc[-1] for name, curves in groups.items()}
    for place, name in enumerate(sorted(groups, key=last.get, reverse=True)):
        colour, turn = COLOURS(0.85 * place / max(1, len(groups) - 1)), place % len(_DASHES)
        style = {"color": colour, "ls": _DASHES[turn], "lw": 1.6}
        _draw_line(ax, groups[name][["epoch", measure]], short(name), _SHAPES[turn], **style)
    _finish(ax, teachers, measure, "teachers")
    ax.set(xlabel="epoch", ylabel=f"{_NAMES[measure]} (%)")
    if width <= NARROW:
        part.legend(loc="outside upper left", ncols=2, handlelength=3, columnspacing=1)
    else:
        ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), handlelength=3)


def _draw_students(
    part: SubFigure, panels: dict[str, pd.DataFrame], students: pd.DataFrame, measure: str, columns: int
) -> None:
    rows = -(-len(panels) // columns)
    axes = part.subplots(rows, columns, sharex=True, squeeze=False)
    for ax, (title, curves) in zip(axes.flat, panels.items(), strict=False):
        _draw_student(ax, curves, measure)
        # One scale for all methods of a student, which can so be compared.
        _finish(ax, students[students["name"] == curves["name"].iloc[0]], measure, title)
    for ax in axes.flat[len(panels) :]:
        ax.set_visible(False)
    for ax in axes.flat[len(panels) - columns : len(panels)]:
        ax.tick_params(labelbottom=True)  # also where the panel below is one of those left out
    part.supylabel(
        "accuracy (%)" if measure == "validation_accuracy" else f"{_NAMES[measure]} (%)", fontsize="medium"
    )
    part.supxlabel("epoch", fontsize="medium")
    lines = {line.get_label(): line for ax in axes.flat for line in ax.get_legend_handles_labels()[0]}
    named = [lines[label] for label in (_PAIR, _MEAN, _BASELINE, _TRAINED) if label in lines]
    legend = {"ncols": 2, "handlelength": 2.4, "columnspacing": 1.4}
    part.legend(handles=named, loc="outside upper center", **legend)


def _draw_student(ax: Axes, curves: pd.DataFrame, measure: str) -> None:
    distilled = curves[curves["role"] == DISTILLED_RUN]
    pairs = [pair for _, pair in distilled.groupby("teacher", sort=False)]
    for place, pair in enumerate(pairs if len(pairs) > 1 else ()):  # the only one is its own mean
        label = _PAIR if place == 0 else None
        _draw_line(ax, pair[["epoch", measure]], label, "^", band=False, color="0.6", lw=0.8)
    if not distilled.empty:
        _draw_line(ax, distilled[["epoch", measure]], _MEAN, "^", color=DISTILLED, lw=2)
    baseline = curves[curves["role"] == ALONE]
    _draw_line(ax, baseline[["epoch", measure]], _BASELINE, "o", color=BASELINE, ls=(0, (4, 1.5)), lw=2)
    if measure == "train_accuracy":
        return
    for runs, colour in ((distilled, DISTILLED), (baseline, BASELINE)):
        mean = runs.groupby("epoch")["train_accuracy"].mean().dropna()
        label = _TRAINED if runs is baseline and len(mean) else None
        ax.plot(mean.index, mean, color=colour, ls=":", lw=1.2, label=label)


def _draw_line(
    ax: Axes, curves: pd.DataFrame, label: str | None, shape: str, band: bool = True, **style: Any
) -> None:
    """Mean over the runs as a line, lowest to highest as a band; a single epoch as a mark.

    `curves` has two columns: the epoch, and what is drawn.
    """
    by_epoch = curves.groupby("epoch")[curves.columns[1]]
    mean = by_epoch.mean()
    ax.plot(mean.index, mean, label=label, marker=shape if len(mean) == 1 else "", **style)
    if band:
        ax.fill_between(mean.index, by_epoch.min(), by_epoch.max(), color=style["color"], alpha=0.18, lw=0)


def _finish(ax: Axes, shown: pd.DataFrame, measure: str, title: str) -> None:
    """Start the axis at the lowest accuracy after a quarter of the epochs: the ends are what is compared."""
    epochs = shown["epoch"].max()
    accuracies = shown[["validation_accuracy", "train_accuracy"]].max(axis=1)
    lowest = shown.loc[shown["epoch"] >= epochs / 4, measure].min()
    margin = max(0.5, 0.06 * (accuracies.max() - lowest))
    ax.set(xlim=(0, 1.03 * epochs), ylim=(lowest - margin, accuracies.max() + margin))
    ax.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
    ax.set_title(title, loc="left")
    ax.grid()
