"""What distillation gains for each pair, with 95 % intervals."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kd.plots.style import BASELINE, DISTILLED, WIDTH, message, short, styled
from kd.roles import LABELS, MEAN

MANY = 8  # methods; of more there are two panels, the averages of all and the pairs
ENDS = 20  # pairs of the highest gains, and of the lowest, that are shown of many methods


# Its title; its rows from the lowest in the plot to the highest, a gap where there is no gain; their names.
Panel = tuple[str, pd.DataFrame, list[str]]


@styled
def draw_gain(table: pd.DataFrame) -> Figure:
    """A row per teacher and student, sorted by gain, under the average over pairs; a panel per method.

    Of many methods there is one panel of the averages over pairs, sorted, and one of the pairs with the
    highest and the lowest gains. A marker is filled where the interval excludes 0; a cross is a gain from
    one seed, which has none.
    """
    rows = table[table["gain"].notna()]
    if rows.empty:
        return message("no distilled students in this study")
    many = rows["method"].nunique() > MANY
    panels = _of_all(rows) if many else [_of_one(group) for _, group in rows.groupby("method", sort=False)]
    heights = [len(names) + 2.2 for _, _, names in panels]
    figure = Figure(figsize=(WIDTH, 0.9 + 0.23 * sum(heights)), layout="constrained")
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    for ax, panel in zip(axes, panels, strict=True):
        _draw_panel(ax, *panel)
        if not many:
            ax.axhline(len(panel[-1]) - 1.5, color="0.25", lw=0.6, ls=":")
    # On the figure: centred under the axes alone, the text would run over the right edge.
    figure.supxlabel(f"gain over the baseline (percentage points)\n{_key(rows)}", fontsize=9)
    return figure


def _of_one(group: pd.DataFrame) -> Panel:
    """The pairs of one method: smallest gain first, which is lowest in the plot; their mean on top."""
    rows = group.sort_values("gain", kind="stable")
    rows = pd.concat([rows[rows["role"] != MEAN], rows[rows["role"] == MEAN]])
    names = [LABELS[MEAN] if row.role == MEAN else _pair(row) for row in rows.itertuples()]
    return short(rows["method"].iloc[0]), rows, names


def _of_all(rows: pd.DataFrame) -> list[Panel]:
    """The means of many methods, and the ends of all their pairs with a gap between them."""
    rows = rows.sort_values("gain", kind="stable")
    averages, pairs = rows[rows["role"] == MEAN], rows[rows["role"] != MEAN]
    names = [f"{_pair(row, 12)}, {short(row.method, 12)}" for row in pairs.itertuples()]
    between = len(pairs) - 2 * ENDS
    if between > 0:
        pairs = pd.concat([pairs[:ENDS], pd.DataFrame([{"gain": float("nan")}]), pairs[-ENDS:]])
        names = [*names[:ENDS], f"… {between} pair{'s'[: between != 1]} between", *names[-ENDS:]]
    return [(LABELS[MEAN], averages, list(map(short, averages["method"]))), ("pairs", pairs, names)]


def _draw_panel(ax: Axes, title: str, rows: pd.DataFrame, names: list[str]) -> None:
    for y, row in enumerate(rows.itertuples()):
        if pd.notna(row.gain):
            _draw_row(ax, y, row)
    ax.axvline(0, color="0.25", lw=1.4, zorder=1)
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(-0.7, len(names) - 0.3)
    ax.tick_params(axis="y", length=0)
    ax.tick_params(axis="x", labelbottom=True)  # the numbers of the last panel may be far below
    ax.grid(axis="x")
    ax.set_title(title, loc="left", fontweight="bold")


def _draw_row(ax: Axes, y: int, row) -> None:
    """The average over pairs differs from the pairs in shape as well as in colour."""
    colour, shape = (BASELINE, "D") if row.role == MEAN else (DISTILLED, "o")
    if pd.isna(row.gain_ci95):
        ax.plot(row.gain, y, "x", color=colour, markersize=6.5, mew=2)
        return
    ax.errorbar(row.gain, y, xerr=row.gain_ci95, color=colour, capsize=3, lw=1.4)
    fill = colour if abs(row.gain) > row.gain_ci95 else "white"
    ax.plot(row.gain, y, shape, color=colour, markerfacecolor=fill, markersize=6.5, mew=1.4)


def _pair(row, most: int = 18) -> str:
    return f"{short(row.name, most)} from {short(row.teacher, most)}"


def _key(rows: pd.DataFrame) -> str:
    """What the marks mean, of those that occur."""
    unknown = rows["gain_ci95"].isna()
    marks = [] if unknown.all() else ["bars: 95 % interval", "filled: it excludes 0"]
    if unknown.any():
        marks.append("\N{MULTIPLICATION SIGN}: one seed, no interval")
    return "; ".join(marks)
