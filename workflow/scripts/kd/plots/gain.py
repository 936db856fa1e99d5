"""What distillation gains for each pair, with 95 % intervals."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kd.plots.style import ALONE, DISTILLED, WIDTH, message, short, styled

MEAN = "mean over pairs"  # the role of such a row
MANY = 8  # methods; of more each has one row, its mean over pairs


@styled
def draw_gain(table: pd.DataFrame) -> Figure:
    """A row per teacher and student, sorted by gain, under the mean over pairs; a panel per method.

    Of many methods one panel of the means over pairs, sorted. A marker is filled where the interval excludes
    0; a cross is a gain from one seed, which has none.
    """
    rows = table[table["gain"].notna()]
    many = rows["method"].nunique() > MANY
    if many:
        rows = rows[rows["role"] == MEAN]
        panels = [rows.sort_values("gain", kind="stable")]
    else:
        panels = [_sorted(group) for _, group in rows.groupby("method", sort=False)]
    if not panels:
        return message("no distilled students in this study")
    heights = [len(panel) + 1.6 for panel in panels]
    figure = Figure(figsize=(WIDTH, 0.9 + 0.23 * sum(heights)), layout="constrained")
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    for ax, panel in zip(axes, panels, strict=True):
        names = map(short, panel["method"]) if many else map(_label, panel.itertuples())
        _draw_panel(ax, panel, list(names))
        if not many:
            ax.axhline(len(panel) - 1.5, color="0.25", lw=0.6, ls=":")
            ax.set_title(short(panel["method"].iloc[0]), loc="left", fontweight="bold")
    # On the figure: centred under the axes alone, the text would run over the right edge.
    what = "mean over pairs of the gain" if many else "gain"
    text = f"{what} over the same student trained alone (percentage points)\n" + _key(rows)
    figure.supxlabel(text, fontsize=9)
    return figure


def _sorted(group: pd.DataFrame) -> pd.DataFrame:
    """Smallest gain first, which is lowest in the plot; the mean over pairs last, which is on top."""
    return group.sort_values("gain", kind="stable").sort_values(
        "role", key=lambda role: role == MEAN, kind="stable"
    )


def _draw_panel(ax: Axes, panel: pd.DataFrame, names: list[str]) -> None:
    for y, row in enumerate(panel.itertuples()):
        _draw_row(ax, y, row)
    ax.axvline(0, color="0.25", lw=1.4, zorder=1)
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(-0.7, len(names) - 0.3)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x")


def _draw_row(ax: Axes, y: int, row) -> None:
    """The mean over pairs differs from the pairs in shape as well as in colour."""
    colour, shape = (ALONE, "D") if row.role == MEAN else (DISTILLED, "o")
    if pd.isna(row.gain_ci95):
        ax.plot(row.gain, y, "x", color=colour, markersize=6.5, mew=2)
        return
    ax.errorbar(row.gain, y, xerr=row.gain_ci95, color=colour, capsize=3, lw=1.4)
    fill = colour if abs(row.gain) > row.gain_ci95 else "white"
    ax.plot(row.gain, y, shape, color=colour, markerfacecolor=fill, markersize=6.5, mew=1.4)


def _label(row) -> str:
    if row.role == MEAN:
        return row.role
    return f"{short(row.name)} from {short(row.teacher)}"


def _key(rows: pd.DataFrame) -> str:
    """What the marks mean, of those that occur."""
    unknown = rows["gain_ci95"].isna()
    marks = [] if unknown.all() else ["bars: 95 % interval", "filled: it excludes 0"]
    if unknown.any():
        marks.append("\N{MULTIPLICATION SIGN}: one seed, no interval")
    return "; ".join(marks)
