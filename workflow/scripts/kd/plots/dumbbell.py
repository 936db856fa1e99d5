"""From the baseline to the distilled student: accuracies with every single seed, and the teacher."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from kd.plots.palette import Look, looks_of
from kd.plots.seeds import values_of
from kd.plots.style import BASELINE, NARROW, TEACHER_GREY, WIDTH, message, short, styled
from kd.roles import BASELINE_ROW, DISTILLED_STUDENT, TEACHER

TITLE = "From baseline to distilled student"
MOST = 40  # students; of more those with the highest accuracies
_SEED = {"marker": "o", "ls": "", "ms": 3, "mew": 0, "alpha": 0.6}
_TEACHER = {"marker": "|", "ls": "", "ms": 11, "mew": 2, "color": TEACHER_GREY}


def caption(table: pd.DataFrame) -> str:
    """At most 30 words, made for this study."""
    rows = table[table["role"] == DISTILLED_STUDENT]
    if rows.empty:
        return "No student was distilled in this study."
    of = f" (the {MOST} most accurate of {len(rows)})" if len(rows) > MOST else ""
    seeds = "; small dots are single seeds" if rows["seeds"].max() > 1 else ""
    tick = "; a grey tick is the teacher" if (rows["teacher"].isin(_teachers(table))).any() else ""
    return f"Test accuracy of each distilled student{of}, from its baseline (dashed line){seeds}{tick}."


@styled
def draw_dumbbell(table: pd.DataFrame, runs: pd.DataFrame, width: float = WIDTH) -> Figure:
    """A panel for each student, a row for each of its teachers and methods, the most accurate on top.

    `table` is that of the study, `runs` its single runs (kd.plots.seeds). The lowest row of a panel is the
    baseline. Of more than MOST students the most accurate are shown.
    """
    rows = table[table["role"] == DISTILLED_STUDENT]
    if rows.empty:
        return message("no distilled students in this study", width)
    looks = looks_of(rows["method"])
    rows = rows.sort_values("test_accuracy", ascending=False, kind="stable")[:MOST]
    order = [name for name in table["name"].unique() if name in set(rows["name"])]
    panels = {name: rows[rows["name"] == name][::-1] for name in order}  # the lowest row is the first
    heights = [len(panel) + 2.0 for panel in panels.values()]
    figure = Figure(figsize=(width, 1.0 + 0.22 * sum(heights)), layout="constrained")
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    several, teachers = rows["method"].nunique() > 1, _teachers(table)
    baselines = table[table["role"] == BASELINE_ROW].set_index("name", drop=False)
    for ax, (name, panel) in zip(axes, panels.items(), strict=True):
        baseline = baselines.loc[name]
        _draw_baseline(ax, baseline, runs)
        for y, row in enumerate(panel.itertuples(), 1):
            _draw_row(ax, y, row, baseline, runs, looks[row.method])
            if row.teacher in teachers:
                ax.plot(teachers[row.teacher], y, **_TEACHER, zorder=2)
        most = 12 if width <= NARROW else 18
        names = ["baseline", *(_name(row, several, most) for row in panel.itertuples())]
        ax.set_yticks(range(len(names)), names)
        ax.set_ylim(-0.7, len(names) - 0.3)
        ax.tick_params(axis="y", length=0)
        ax.set_title(short(name), loc="left", fontweight="bold")
        ax.grid(axis="x")
    axes[-1].set_xlabel("test accuracy (%)")
    shown = [looks[method] for method in dict.fromkeys(rows["method"])]
    any_teacher = rows["teacher"].isin(teachers).any()
    handles = _legend(shown, several_seeds=rows["seeds"].max() > 1, teacher=any_teacher)
    columns = 2 if width <= NARROW else 4
    figure.legend(
        handles=handles, loc="outside upper left", ncols=columns, columnspacing=1.2, handletextpad=0.4
    )
    return figure


def _teachers(table: pd.DataFrame) -> dict[str, float]:
    """The accuracy of each teacher of which it is known."""
    teachers = table[(table["role"] == TEACHER) & table["test_accuracy"].notna()]
    return dict(zip(teachers["name"], teachers["test_accuracy"], strict=True))


def _name(row: Any, several: bool, most: int) -> str:
    return f"{short(row.teacher, most)}, {short(row.method, 12)}" if several else f"from {short(row.teacher)}"


def _draw_baseline(ax: Axes, baseline: pd.Series, runs: pd.DataFrame) -> None:
    """Its row, and a line through those of the students."""
    line = next(pd.DataFrame([baseline]).itertuples(index=False))
    ax.axvline(line.test_accuracy, color=BASELINE, lw=1, ls=(0, (4, 2)), zorder=1)
    seeds = values_of(runs, line, "test_accuracy")
    ax.plot(seeds if len(seeds) > 1 else [], [0] * len(seeds) * (len(seeds) > 1), color=BASELINE, **_SEED)
    ax.plot(line.test_accuracy, 0, "o", color=BASELINE, zorder=4)


def _draw_row(ax: Axes, y: int, row: Any, baseline: pd.Series, runs: pd.DataFrame, look: Look) -> None:
    """A line from the accuracy of the baseline to that of the student, and its seeds."""
    ax.plot([baseline["test_accuracy"], row.test_accuracy], [y, y], color=look.colour, lw=2, zorder=2)
    seeds = values_of(runs, row, "test_accuracy")
    if len(seeds) > 1:
        ax.plot(seeds, [y] * len(seeds), color=look.colour, zorder=3, **_SEED)
    ax.plot(row.test_accuracy, y, look.marker, color=look.colour, ms=7, mec="white", mew=0.6, zorder=4)


def _legend(looks: list[Look], *, several_seeds: bool, teacher: bool) -> list[Line2D]:
    handles = [Line2D([], [], marker="o", ls="", color=BASELINE, label="baseline")]
    for look in dict.fromkeys(looks):
        handles.append(Line2D([], [], marker=look.marker, ls="", color=look.colour, label=look.label))
    if several_seeds:
        handles.append(Line2D([], [], color="0.3", label="single seed", **_SEED))
    if teacher:
        handles.append(Line2D([], [], label="teacher", **_TEACHER))
    return handles
