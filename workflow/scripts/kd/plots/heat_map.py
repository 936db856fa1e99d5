"""The gain of every pair as a map whose colours diverge from white, no gain."""

from collections.abc import Sequence
from typing import NamedTuple

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from kd.plots.saving import keep_ink
from kd.plots.style import NARROW, WIDTH, ink_on, message, short, styled
from kd.roles import BASELINE_ROW, DISTILLED_STUDENT, MEAN

TITLE = "Gain by teacher and student"
BASELINE = "(baseline)"
FEW = 4  # methods with a map each; of more the methods are rows of one map
GAINS = matplotlib.colormaps["PuOr"].reversed()  # orange: a gain, purple: a loss
_PLAIN = (0.93, 0.93, 0.93, 1.0)  # of a cell without a gain


class Map(NamedTuple):
    """A title; names of the rows and columns; gains and texts, (rows, columns), "" where there is no cell."""

    title: str
    down: Sequence[str]
    across: Sequence[str]
    gains: np.ndarray
    texts: np.ndarray


def caption(table: pd.DataFrame) -> str:
    """At most 30 words, made for this study."""
    methods = table.loc[table["role"] == DISTILLED_STUDENT, "method"].nunique()
    if not methods:
        return "No student was distilled in this study."
    below = "" if methods > FEW else ", test accuracy below"
    maps = "One map for each method. " if 1 < methods <= FEW else ""
    return (
        f"{maps}Gain in percentage points over the baseline{below}. Orange: gain, purple: loss, white: none."
    )


@styled
def draw_heat_map(table: pd.DataFrame, width: float = WIDTH) -> Figure:
    """Teachers down, students across, a map for each method: the gain and, below it, the accuracy.

    Of more than FEW methods there is one map, of methods and pairs, or of methods and their averages where
    there are too many pairs.
    """
    rows = table[table["role"] == DISTILLED_STUDENT]
    methods = list(rows["method"].unique())
    if not methods:
        return message("no distilled students in this study", width)
    maps = _of_methods(table, width) if len(methods) > FEW else [_of_one(table, method) for method in methods]
    tallest = 0.24 if len(methods) > FEW else 0.36
    heights = [0.62 + tallest * len(one.down) for one in maps]
    across = max(len(one.across) for one in maps)
    figure = Figure(figsize=(max(width, 1.6 + 0.42 * across), 0.75 + sum(heights)), layout="constrained")
    axes = figure.subplots(len(maps), 1, squeeze=False, height_ratios=heights)[:, 0]
    scale, extend = _scale(np.concatenate([one.gains.ravel() for one in maps]))
    for ax, one in zip(axes, maps, strict=True):
        _draw_map(ax, one, scale, 11 if width <= NARROW else 18)
    bar = figure.colorbar(ScalarMappable(scale, GAINS), ax=axes, aspect=30, fraction=0.05, extend=extend)
    bar.set_label("gain (percentage points)")
    bar.outline.set_visible(False)
    return figure


def _scale(gains: np.ndarray) -> tuple[Normalize, str]:
    """Symmetric around 0, and at which ends a gain is beyond it.

    A method that ruins its student would make all others white, so the scale ends at three times the median.
    """
    sizes = np.abs(gains[~np.isnan(gains)])
    limit = min(sizes.max(), 3 * max(float(np.median(sizes)), 0.5)) or 1.0
    beyond = (np.nanmin(gains) < -limit, np.nanmax(gains) > limit)
    ends = {(True, True): "both", (True, False): "min", (False, True): "max"}
    return Normalize(-limit, limit), ends.get(beyond, "neither")


def _of_one(table: pd.DataFrame, method: str) -> Map:
    """The map of one method, with the baselines on top."""
    rows = table[table["role"].isin([BASELINE_ROW, DISTILLED_STUDENT]) & table["method"].isin(["", method])]
    rows = rows.replace({"teacher": {"": BASELINE}})
    across = list(table.loc[table["role"] == DISTILLED_STUDENT, "name"].unique())
    down = list(rows["teacher"].unique())
    gains, texts = _empty(down, across)
    for row in rows[rows["name"].isin(across)].itertuples():
        place = down.index(row.teacher), across.index(row.name)
        gains[place] = row.gain
        texts[place] = (
            f"{row.test_accuracy:.2f}" if pd.isna(row.gain) else f"{row.gain:+.2f}\n{row.test_accuracy:.2f}"
        )
    return Map(method, down, across, gains, texts)


def _of_methods(table: pd.DataFrame, width: float) -> list[Map]:
    """One map of all methods, the highest average on top, and pairs, if those fit beside each other."""
    means = table[table["role"] == MEAN].sort_values("gain", ascending=False, kind="stable")
    rows = table[table["role"] == DISTILLED_STUDENT]
    rows = rows.assign(
        pair=[f"{short(row.name, 12)} from {short(row.teacher, 12)}" for row in rows.itertuples()]
    )
    down, pairs = list(means["method"]), list(rows["pair"].unique())
    across = ["average", *pairs] if len(pairs) <= (4 if width <= NARROW else 9) else ["average"]
    digits = 1 if width <= NARROW and len(across) > 3 else 2
    gains, texts = _empty(down, across)
    cells = [*zip(means["method"], ["average"] * len(means), means["gain"], strict=True)]
    cells += zip(rows["method"], rows["pair"], rows["gain"], strict=True)
    for method, column, gain in cells:
        if column in across and method in down:
            gains[down.index(method), across.index(column)] = gain
            texts[down.index(method), across.index(column)] = f"{gain:+.{digits}f}"
    return [Map("", down, across, gains, texts)]


def _empty(down: Sequence[str], across: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    shape = len(down), len(across)
    return np.full(shape, np.nan), np.full(shape, "", dtype=object)


def _draw_map(ax: Axes, one: Map, scale: Normalize, most: int) -> None:
    for (y, x), text in np.ndenumerate(one.texts):
        colour = _PLAIN if np.isnan(one.gains[y, x]) else GAINS(scale(one.gains[y, x]))
        shown = text.replace("-", "\N{MINUS SIGN}") or "\N{EN DASH}"
        style = {"color": ink_on(colour), "fontsize": 9, "linespacing": 1.1}
        written = ax.text(x, y, shown, ha="center", va="center", **style)
        keep_ink(written, f"{ax.get_subplotspec().num1}-{y}-{x}")
    edges = [np.arange(count + 1) - 0.5 for count in reversed(one.gains.shape)]
    # A mesh stays sharp in an SVG, where an image would not.
    colours = GAINS.with_extremes(bad=_PLAIN)
    ax.pcolormesh(
        *edges, np.ma.masked_invalid(one.gains), cmap=colours, norm=scale, edgecolors="white", linewidth=2
    )
    ax.invert_yaxis()
    names = [short(name, 26) for name in one.across]
    slant = (
        {"rotation": 30, "ha": "right", "rotation_mode": "anchor"} if len("".join(names)) > 2.2 * most else {}
    )
    ax.set_xticks(range(len(names)), names, **slant)
    ax.set_yticks(range(len(one.down)), [short(name, most) for name in one.down])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_title(short(one.title), loc="left", fontweight="bold")
