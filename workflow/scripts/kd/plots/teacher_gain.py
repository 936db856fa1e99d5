"""Whether a better teacher teaches better: the gain of each student against the accuracy of its teacher."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from kd.plots.cost.labels import Point, place_names
from kd.plots.palette import Look, looks_of
from kd.plots.seeds import values_of
from kd.plots.style import NARROW, TEACHER_GREY, WIDTH, message, settle, short, styled
from kd.roles import BASELINE_ROW, DISTILLED_STUDENT, TEACHER

TITLE = "Teacher accuracy and gain"
MOST = 8  # students
ENOUGH = 3  # teachers, for a correlation
NOTHING = "no student has two teachers of known accuracy to compare"
_SEED = {"marker": "_", "ls": "", "ms": 6, "mew": 1, "alpha": 0.8, "zorder": 2}


def caption(table: pd.DataFrame) -> str:
    """At most 30 words, made for this study: with the correlation of each student, of three at most."""
    rows = _rows(table)
    if rows.empty:
        return "No student has two teachers of known accuracy to compare."
    text = "Mean gain of each student against the test accuracy of its teacher"
    teachers = rows.groupby("name", sort=False)["teacher"].nunique()
    names = [name for name in teachers[teachers >= ENOUGH].index if _correlation(rows, name) is not None][:3]
    if not names:
        return f"{text}."
    parts = [f"{_correlation(rows, name):+.2f} for {short(name)}" for name in names]
    return f"{text}. Correlation over teachers: {', '.join(parts)}.".replace("-", "\N{MINUS SIGN}")


@styled
def draw_teacher_gain(table: pd.DataFrame, runs: pd.DataFrame, width: float = WIDTH) -> Figure:
    """A panel for each student; short lines across are single seeds, bars 95 % intervals.

    Left of the accuracy of the student's baseline, where that is shown, the panel is grey: there the teacher
    is worse than the student that it teaches.
    """
    rows = _rows(table)
    if rows.empty:
        return message(NOTHING, width)
    names = list(rows["name"].unique())[:MOST]
    columns = 1 if width <= NARROW or len(names) == 1 else 2
    lines = -(-len(names) // columns)
    figure = Figure(figsize=(width, 0.7 + 2.5 * lines), layout="constrained")
    axes = figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True).ravel()
    looks = looks_of(rows["method"])
    baselines = table[table["role"] == BASELINE_ROW].set_index("name")["test_accuracy"]
    for ax, name in zip(axes, names, strict=False):
        _draw_student(ax, rows[rows["name"] == name], runs, looks)
        ax.set_title(short(name), loc="left", fontweight="bold")
        ax.tick_params(labelbottom=True)
    for ax in axes[len(names) :]:
        ax.set_visible(False)
    figure.supxlabel("test accuracy of the teacher (%)", fontsize="medium")
    figure.supylabel("gain (percentage points)", fontsize="medium")
    handles = [
        Line2D([], [], marker=o.marker, ls="", color=o.colour, label=o.label)
        for o in dict.fromkeys(looks.values())
    ]
    figure.legend(
        handles=handles, loc="outside upper left", ncols=2 if width <= NARROW else 4, columnspacing=1.2
    )
    settle(figure)
    for ax, name in zip(axes, names, strict=False):
        _shade(ax, baselines[name])
        _name_teachers(ax, rows[rows["name"] == name])
    return figure


def _rows(table: pd.DataFrame) -> pd.DataFrame:
    """The students of several teachers whose accuracy is known: it is the column `taught_by`."""
    teachers = table[(table["role"] == TEACHER) & table["test_accuracy"].notna()]
    accuracies = dict(zip(teachers["name"], teachers["test_accuracy"], strict=True))
    rows = table[(table["role"] == DISTILLED_STUDENT) & table["gain"].notna()]
    rows = rows.assign(taught_by=rows["teacher"].map(accuracies).astype(float))
    rows = rows[rows["taught_by"].notna()]
    return rows[rows.groupby("name")["teacher"].transform("nunique") > 1]


def _correlation(rows: pd.DataFrame, name: str) -> float | None:
    """Pearson's, over the teachers of a student, of gains averaged over methods; None if nothing varies."""
    means = rows[rows["name"] == name].groupby("teacher")[["taught_by", "gain"]].mean()
    if (means.max() - means.min()).min() == 0:
        return None
    return float(means["taught_by"].corr(means["gain"]))


def _draw_student(ax: Axes, rows: pd.DataFrame, runs: pd.DataFrame, looks: dict[str, Look]) -> None:
    few = rows["method"].nunique() <= 2  # the bars and dots of more would hide each other
    ax.axhline(0, color="0.25", lw=1.2, zorder=1)
    for row in rows.itertuples():
        look = looks[row.method]
        if few:
            seeds = values_of(runs, row, "gain")
            ax.plot([row.taught_by] * len(seeds), seeds, color=look.colour, **_SEED)
            half = 0 if pd.isna(row.gain_ci95) else row.gain_ci95
            ax.errorbar(row.taught_by, row.gain, half, color=look.colour, lw=1)
        ax.plot(row.taught_by, row.gain, look.marker, color=look.colour, mfc="white", mew=1.3, zorder=3)
    ax.margins(x=0.12, y=0.12)
    ax.grid()


def _shade(ax: Axes, baseline: float) -> None:
    """Where teachers are worse than the baseline, in a panel that shows such accuracies."""
    low, high = ax.get_xlim()
    if low < baseline:
        ax.axvspan(low, min(baseline, high), color=TEACHER_GREY, alpha=0.12, lw=0, zorder=0)
        ax.set_xlim(low, high)
        ax.text(
            0.02, 0.02, "teacher below the baseline", transform=ax.transAxes, fontsize=8, color=TEACHER_GREY
        )


def _name_teachers(ax: Axes, rows: pd.DataFrame) -> None:
    """Each name once, at the highest of its marks."""
    half = rows["gain_ci95"].fillna(0) if rows["method"].nunique() <= 2 else 0 * rows["gain"]
    marks = [
        Point(*mark) for mark in zip(rows["taught_by"], rows["gain"], half, [""] * len(rows), strict=True)
    ]
    best = rows.sort_values("gain", ascending=False).drop_duplicates("teacher")
    names = [Point(row.taught_by, row.gain, 0.0, row.teacher) for row in best.itertuples()]
    place_names(ax, names, marks)
