"""What distillation gains for each pair, with 95 % intervals: a forest plot, grouped by method."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kd.plots.palette import MANY, Look, looks_of
from kd.plots.seeds import values_of
from kd.plots.style import BASELINE, NARROW, WIDTH, message, short, styled
from kd.roles import LABELS, MEAN

TITLE = "Gain over the baseline"
ENDS = 20  # pairs of the highest gains, and of the lowest, that are shown of many
_SEED = {"marker": "o", "ls": "", "ms": 2.8, "mew": 0, "alpha": 0.7, "zorder": 2}


class Line(NamedTuple):
    """A row of the plot: its name, and the row of the table; a heading or gap has none."""

    name: str
    row: Any = None


def caption(table: pd.DataFrame) -> str:
    """At most 30 words, made for this study."""
    rows = table[table["gain"].notna()]
    if rows.empty:
        return "No student was distilled in this study."
    if rows["gain_ci95"].isna().all():
        return "Gain in test accuracy over the baseline. One seed: no interval, may be chance."
    text = "Mean gain in test accuracy with 95 % confidence interval; small dots: single seeds."
    count = len(rows[rows["role"] != MEAN])
    if _is_long(rows):
        text += f" Of {count} pairs, the {ENDS} highest and lowest." if count > 2 * ENDS else ""
    return f"{text} Intervals are not corrected for their number."


@styled
def draw_gain(table: pd.DataFrame, runs: pd.DataFrame, width: float = WIDTH) -> Figure:
    """A group of rows for each method: its average over pairs, then teachers and students, sorted by gain.

    Of many methods or pairs there is a group of the averages, and one of the pairs with the highest and the
    lowest gains. A marker is filled where the interval excludes 0; a cross is a gain from one seed, which has
    none. `runs` are the single runs (kd.plots.seeds), whose gains are small dots.
    """
    rows = table[table["gain"].notna()].sort_values("gain", ascending=False, kind="stable")
    if rows.empty:
        return message("no distilled students in this study", width)
    looks = looks_of(table.loc[table["gain"].notna(), "method"])
    most = 12 if width <= NARROW else 18
    lines = list(_by_kind(rows, most) if _is_long(rows) else _by_method(rows, looks, most))
    figure = Figure(figsize=(width, 0.8 + 0.23 * (len(lines) + 1)), layout="constrained")
    ax = figure.subplots()
    for place, line in enumerate(lines):
        if line.row is not None:
            _draw_row(ax, -place, line.row, values_of(runs, line.row, "gain"), looks[line.row.method])
    _finish(ax, lines)
    _limit(ax, lines)
    # On the figure: centred under the axes alone, the text would run over the right edge.
    between = "\n" if width <= NARROW else "; "
    figure.supxlabel(f"gain over the baseline (percentage points)\n{_key(rows, between)}", fontsize=9)
    return figure


def _is_long(rows: pd.DataFrame) -> bool:
    return rows["method"].nunique() > MANY or (rows["role"] != MEAN).sum() > 2 * ENDS


def _by_method(rows: pd.DataFrame, looks: dict[str, Look], most: int) -> Iterator[Line]:
    """The methods in their order, each with its average over pairs on top."""
    for place, method in enumerate(looks):
        if len(looks) > 1:
            yield from [Line("")] * bool(place)
            yield Line(short(method))
        group = rows[rows["method"] == method]
        for row in group[group["role"] == MEAN].itertuples():
            yield Line(LABELS[MEAN], row)
        for row in group[group["role"] != MEAN].itertuples():
            yield Line(_pair(row, most), row)


def _by_kind(rows: pd.DataFrame, most: int) -> Iterator[Line]:
    """The averages of all methods, then the ends of all pairs with a gap between them."""
    pairs = list(rows[rows["role"] != MEAN].itertuples())
    yield Line(LABELS[MEAN])
    for row in rows[rows["role"] == MEAN].itertuples():
        yield Line(short(row.method), row)
    yield from (Line(""), Line("pairs"))
    names = [f"{_pair(row, most // 2)}, {short(row.method, most - 2)}" for row in pairs]
    lines = list(map(Line, names, pairs))
    between = len(lines) - 2 * ENDS
    if between > 0:
        lines[ENDS:-ENDS] = [Line(f"… {between} pair{'s'[: between != 1]} between")]
    yield from lines


def _pair(row: Any, most: int) -> str:
    return f"{short(row.name, most)} from {short(row.teacher, most)}"


def _draw_row(ax: Axes, y: int, row: Any, seeds: list[float], look: Look) -> None:
    """The average over pairs differs from the pairs in shape as well as in colour."""
    colour, shape = (BASELINE, "D") if row.role == MEAN else (look.colour, "o")
    if len(seeds) > 1:
        ax.plot(
            seeds, [y - 0.3] * len(seeds), color=colour, **_SEED
        )  # below the interval, which would hide them
    if pd.isna(row.gain_ci95):
        ax.plot(row.gain, y, "x", color=colour, markersize=6.5, mew=2)
        return
    ax.errorbar(row.gain, y, xerr=row.gain_ci95, color=colour, capsize=3, lw=1.4)
    fill = colour if abs(row.gain) > row.gain_ci95 else "white"
    ax.plot(row.gain, y, shape, color=colour, markerfacecolor=fill, markersize=6.5, mew=1.4, zorder=3)


def _finish(ax: Axes, lines: list[Line]) -> None:
    ax.axvline(0, color="0.25", lw=1.4, zorder=1)
    ax.set_yticks([-place for place in range(len(lines))], [line.name for line in lines])
    for label, line in zip(ax.get_yticklabels(), lines, strict=True):
        if line.row is None:
            label.set_fontweight("bold")
    ax.set_ylim(0.3 - len(lines), 0.7)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x")


def _limit(ax: Axes, lines: list[Line]) -> None:
    """Where a gain is very far from all others, let the axis end before it, with an arrow and its number.

    A method that ruins its students would squeeze all others into a line. Far is six times the median
    distance from the median.
    """
    gains = pd.Series({-place: line.row.gain for place, line in enumerate(lines) if line.row is not None})
    halves = [line.row.gain_ci95 for line in lines if line.row is not None]
    ends = pd.Series(halves, index=gains.index).fillna(0)
    distances = (gains - gains.median()).abs()
    near = distances <= max(6 * distances.median(), 3.0)
    if near.all():
        return
    low = min(0.0, (gains - ends)[near].min())
    high = max(0.0, (gains + ends)[near].max())
    margin = 0.06 * (high - low)
    ax.set_xlim(low - margin, high + margin)
    for y, gain in gains[~near].items():
        number = f"{gain:.1f}".replace("-", "\N{MINUS SIGN}")
        left = gain < low
        text = f"\N{LEFTWARDS ARROW} {number}" if left else f"{number} \N{RIGHTWARDS ARROW}"
        ax.text(low if left else high, y, text, ha="left" if left else "right", va="center", fontsize=8)


def _key(rows: pd.DataFrame, between: str) -> str:
    """What the marks mean, of those that occur."""
    unknown = rows["gain_ci95"].isna()
    marks = [] if unknown.all() else ["bars: 95 % interval", "filled: it excludes 0"]
    if unknown.any():
        marks.append("\N{MULTIPLICATION SIGN}: one seed, no interval")
    return between.join(marks)
