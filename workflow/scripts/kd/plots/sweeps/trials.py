"""The trials of a sweep: validation accuracy over the values that were tried, panels for each pair."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from kd.plots.saving import keep_ink
from kd.plots.style import COLOURS, DISTILLED, NARROW, WIDTH, add_scale, colour_scale, ink_on, short, styled
from kd.plots.sweeps.importance import importance
from kd.plots.sweeps.parallel import draw_importance, draw_parallel

Keys = Sequence[str]
HEIGHT = 2.9  # inches of a panel
LINES = 2.3  # inches of parallel coordinates
LABEL = "validation accuracy (%)"
FILLED = 0.9  # share of the combinations from which on trials are drawn as a map
CELLS = 12  # of a map's side; more hold no text


def caption(tables: Mapping[str, pd.DataFrame], keys: Keys) -> str:
    """At most 30 words, made for this sweep."""
    if len(keys) == 1:
        return f"Mean validation accuracy of each value of {short(keys[0])}. The ring marks the chosen value."
    shares = pd.DataFrame([importance(table, keys) for table in tables.values()]).mean()
    text = f"Validation accuracy of all trials of {len(keys)} hyperparameters. "
    text += "Ring, frame or thick line: chosen values."
    if shares.isna().all():
        return text
    return f"{text} {short(str(shares.idxmax()))} explains most of the variance ({shares.max():.0%})."


@styled
def draw_sweep(
    tables: Mapping[str, pd.DataFrame], keys: Keys, logarithmic: Keys, width: float = WIDTH
) -> Figure:
    """Panels for each title of `tables`, whose rows are trials: over the first two `keys`, and over all.

    Trials of a grid are the cells of a map, others are points; the colour is the mean validation accuracy
    over the seeds, and where several trials share a place (a third key) the best is seen. Below are parallel
    coordinates of all keys, and the importance of each. Of a single key there is a line, with the standard
    deviation over the seeds. What was chosen has a ring or frame, or a thick line.
    """
    if len(keys) == 1:
        return _draw_lines(tables, keys[0], logarithmic, width)
    importances = 0.75 + 0.24 * len(keys)
    heights = [HEIGHT, LINES, importances] * len(tables)
    figure = Figure(figsize=(width, 0.6 + sum(heights)), layout="constrained")
    axes = figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    scale = colour_scale(pd.concat([table["validation_accuracy"] for table in tables.values()]))
    most = 32 if width <= NARROW else 40
    for place, (title, table) in enumerate(tables.items()):
        top, middle, bottom = axes[3 * place : 3 * place + 3]
        top.set_title(short(title, most), loc="left", fontweight="bold")
        if _is_grid(table, keys):
            _draw_map(top, table, keys, scale)
        else:
            _draw_points(top, table, keys, logarithmic, scale)
        draw_parallel(middle, table, keys, logarithmic, width)
        draw_importance(bottom, table, keys)
        add_scale(figure, [top], scale, LABEL)
    return figure


def _draw_lines(tables: Mapping[str, pd.DataFrame], key: str, logarithmic: Keys, width: float) -> Figure:
    figure = Figure(figsize=(width, 0.6 + HEIGHT * len(tables)), layout="constrained")
    axes = figure.subplots(len(tables), 1, squeeze=False)[:, 0]
    for ax, (title, table) in zip(axes, tables.items(), strict=True):
        ax.set_title(short(title, 32 if width <= NARROW else 40), loc="left", fontweight="bold")
        _draw_line(ax, table, key, logarithmic)
    return figure


def _is_grid(table: pd.DataFrame, keys: Keys) -> bool:
    combinations = table[keys[0]].nunique() * table[keys[1]].nunique()
    return len(table[list(keys[:2])].drop_duplicates()) >= FILLED * combinations


def _draw_map(ax: Axes, table: pd.DataFrame, keys: Keys, scale: Normalize) -> None:
    """Cells in the order of the values; so those of a logarithmic range are evenly spaced, as they should."""
    x, y = keys[:2]
    best = table.pivot_table(values="validation_accuracy", index=y, columns=x, aggfunc="max", dropna=False)
    cells = best.to_numpy()  # (values of y, values of x)
    edges = [np.arange(count + 1) - 0.5 for count in reversed(cells.shape)]
    # A mesh stays sharp in an SVG, where an image would not.
    ax.pcolormesh(*edges, cells, cmap=COLOURS, norm=scale, edgecolors="white", linewidth=1)
    if max(cells.shape) <= CELLS:
        for (row, column), value in np.ndenumerate(cells):
            text, ink = f"{value:.1f}", ink_on(COLOURS(scale(value)))
            if np.isnan(value):  # it diverged
                text, ink = "\N{EN DASH}", "0.4"
            written = ax.text(column, row, text, ha="center", va="center", color=ink, fontsize=8)
            if not np.isnan(value):
                keep_ink(written, f"{ax.get_subplotspec().num1}-{row}-{column}")
    chosen = table[table["chosen"] == 1].iloc[0]
    place = list(best.columns).index(chosen[x]) - 0.5, list(best.index).index(chosen[y]) - 0.5
    frame = {"fill": False, "edgecolor": DISTILLED, "linewidth": 3, "clip_on": False, "zorder": 3}
    ax.add_patch(Rectangle(place, 1, 1, **frame))
    for axis, key, values in ((ax.xaxis, x, best.columns), (ax.yaxis, y, best.index)):
        axis.set_ticks(range(len(values)), [_short_value(value) for value in values])
        axis.set_label_text(key)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def _short_value(value: Any) -> str:
    return short(f"{value:g}" if isinstance(value, int | float) else str(value), 10)


def _draw_points(ax: Axes, table: pd.DataFrame, keys: Keys, logarithmic: Keys, scale: Normalize) -> None:
    rows = table.sort_values("validation_accuracy")  # the best is drawn last
    x, y = _placed(ax, "x", rows[keys[0]], logarithmic), _placed(ax, "y", rows[keys[1]], logarithmic)
    ax.scatter(x, y, c=rows["validation_accuracy"], cmap=COLOURS, norm=scale, s=70, edgecolors="0.4", lw=0.5)
    best = rows["chosen"] == 1
    ax.scatter(x[best], y[best], facecolors="none", edgecolors=DISTILLED, linewidths=2.5, s=220)


def _draw_line(ax: Axes, table: pd.DataFrame, key: str, logarithmic: Keys) -> None:
    rows = table.sort_values(key, key=lambda values: values if _is_number(values) else values.map(str))
    x, accuracies = _placed(ax, "x", rows[key], logarithmic), rows["validation_accuracy"]
    spread = rows["validation_accuracy_std"].astype(float).fillna(0)
    ax.errorbar(x, accuracies, spread, color=COLOURS(0.0), marker="o", capsize=2)
    best = rows["chosen"] == 1
    ring = {"facecolors": "none", "edgecolors": DISTILLED, "linewidths": 2.5, "s": 160, "zorder": 3}
    ax.scatter(x[best], accuracies[best], **ring)
    ax.set_ylabel(LABEL)
    ax.grid(axis="y")


def _placed(ax: Axes, which: str, values: pd.Series, logarithmic: Keys) -> pd.Series:
    """Where these values stand on the axis "x" or "y", which is labelled; words stand side by side."""
    axis = getattr(ax, f"{which}axis")
    axis.set_label_text(values.name)
    if _is_number(values):
        if values.name in logarithmic:
            getattr(ax, f"set_{which}scale")("log")
            axis.set_major_locator(LogLocator(10, subs=(1, 2, 5)))
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axis.set_minor_locator(NullLocator())
        return values
    names = sorted(map(str, values.unique()))
    axis.set_ticks(range(len(names)), list(map(short, names)))
    return values.map(lambda value: names.index(str(value)))


def _is_number(values: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
