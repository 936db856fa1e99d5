"""Test accuracy of every pair of teacher and student as a map, one per method."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from kd.plots.saving import keep_ink
from kd.plots.style import COLOURS, WIDTH, add_scale, colour_scale, ink_on, message, short, styled
from kd.roles import BASELINE_ROW, DISTILLED_STUDENT

BASELINE = "(baseline)"
FEW = 4  # methods whose maps stand below each other


@styled
def draw_heat_map(table: pd.DataFrame) -> Figure:
    """Teachers down, students across; in each cell the accuracy and, below it, the gain."""
    methods = list(table.loc[table["role"] == DISTILLED_STUDENT, "method"].unique())
    if not methods:
        return message("no distilled students in this study")
    rows = table[table["role"].isin([BASELINE_ROW, DISTILLED_STUDENT])].replace({"teacher": {"": BASELINE}})
    students = list(rows["name"].unique())
    scale = colour_scale(rows["test_accuracy"])
    maps = [rows[(rows["method"] == "") | (rows["method"] == method)] for method in methods]
    columns = _columns(len(methods), len(students))
    teachers = [list(shown["teacher"].unique()) for shown in maps]
    heights = [0.62 + 0.38 * max(map(len, teachers[k : k + columns])) for k in range(0, len(maps), columns)]
    width = max(WIDTH, 2.2 + 0.6 * len(students))
    figure = Figure(figsize=(width, 0.75 + sum(heights)), layout="constrained")
    axes = figure.subplots(len(heights), columns, squeeze=False, height_ratios=heights).ravel()
    for ax in axes[len(maps) :]:
        ax.set_visible(False)
    axes = axes[: len(maps)]
    for place, (ax, method, shown) in enumerate(zip(axes, methods, maps, strict=True)):
        _draw_map(ax, shown, students, teachers[place], scale)
        if place % columns and teachers[place] == teachers[place - 1]:
            ax.set_yticklabels([])  # they stand to the left
        ax.set_title(short(method, 18 if columns == 1 else 12), loc="left", fontweight="bold")
        ax.set_ylabel("" if place % columns else "teacher")
    axes[-1].set_xlabel("student")
    add_scale(figure, axes, scale, "test accuracy (%)")
    return figure


def _columns(methods: int, students: int) -> int:
    """How many maps stand side by side: many methods would otherwise be a very tall figure."""
    if methods <= FEW or students > 3:
        return 1
    return 3 if students == 1 else 2


def _draw_map(ax: Axes, rows: pd.DataFrame, students: list, teachers: list, scale: Normalize) -> None:
    accuracies = np.full((len(teachers), len(students)), np.nan)  # (teachers, students)
    for row in rows.itertuples():
        x, y = students.index(row.name), teachers.index(row.teacher)
        accuracies[y, x] = row.test_accuracy
        text = f"{row.test_accuracy:.2f}" + ("" if pd.isna(row.gain) else f"\n{row.gain:+.2f}")
        text = text.replace("-", "\N{MINUS SIGN}")
        colour = ink_on(COLOURS(scale(row.test_accuracy)))
        written = ax.text(x, y, text, ha="center", va="center", color=colour, fontsize=9, linespacing=1.1)
        keep_ink(written, f"{ax.get_subplotspec().num1}-{y}-{x}")
    for y, x in np.argwhere(np.isnan(accuracies)):
        ax.text(x, y, "\N{EN DASH}", ha="center", va="center", color="0.4")
    edges = [np.arange(count + 1) - 0.5 for count in reversed(accuracies.shape)]
    # A mesh stays sharp in an SVG, where an image would not.
    ax.pcolormesh(*edges, accuracies, cmap=COLOURS, norm=scale, edgecolors="white", linewidth=2)
    ax.invert_yaxis()
    names = list(map(short, students))
    slant = {"rotation": 30, "ha": "right", "rotation_mode": "anchor"} if len("".join(names)) > 40 else {}
    ax.set_xticks(range(len(students)), names, **slant)
    ax.set_yticks(range(len(teachers)), map(short, teachers))
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
