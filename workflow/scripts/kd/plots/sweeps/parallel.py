"""All hyperparameters of a sweep side by side: parallel coordinates, and the importance of each."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from kd.plots.style import BASELINE, DISTILLED, short
from kd.plots.sweeps.importance import importance

MOST_TICKS = 6
DENSE = 0.95  # axes to an inch, from which on their names are slanted and few numbers are shown
ACCURACY = "validation_accuracy"


def draw_parallel(
    ax: Axes, table: pd.DataFrame, keys: Sequence[str], logarithmic: Sequence[str], width: float
) -> None:
    """A line for each trial through its value on an axis for each key, and its accuracy on the last.

    The best quarter of the trials is blue; the line of the values that were chosen is thick. Trials that
    diverged are left out. `width` is that of the figure in inches.
    """
    rows = table[table[ACCURACY].notna()].sort_values(ACCURACY)  # the best is drawn last
    dense = (len(keys) + 1) / width > DENSE
    columns = [_placed(rows[key], key in logarithmic, dense) for key in (*keys, ACCURACY)]
    heights = np.column_stack([heights for heights, _ in columns])  # (trials, axes), 0 to 1
    best = rows[ACCURACY] >= rows[ACCURACY].quantile(0.75)
    for line, good, chosen in zip(heights, best, rows["chosen"] == 1, strict=True):
        style = {"color": BASELINE, "lw": 1.2, "zorder": 2.5} if good else {"color": "0.72", "lw": 0.9}
        ax.plot(range(len(line)), line, **({"color": DISTILLED, "lw": 3, "zorder": 4} if chosen else style))
    for place, (_, ticks) in enumerate(columns):
        _draw_axis(ax, place, ticks, last=place == len(columns) - 1)
    ax.set_title("all trials; blue: the best quarter", loc="left", fontsize=9)
    ax.set_xlim(-0.45, len(columns) - 0.55)
    slant = {"rotation": 30, "ha": "right", "rotation_mode": "anchor"} if dense else {}
    names = [*(short(key, 16) for key in keys), "accuracy (%)" if dense else "validation\naccuracy (%)"]
    ax.set_xticks(range(len(columns)), names, **slant)
    ax.set_yticks([])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def _draw_axis(ax: Axes, place: int, ticks: dict[float, str], *, last: bool) -> None:
    """An upright axis with its numbers, which are to the right of the last one."""
    ax.axvline(place, color="0.25", lw=1, zorder=3)
    aside = {"xytext": (5 if last else -5, 0), "ha": "left" if last else "right"}
    box = {"facecolor": "white", "edgecolor": "none", "pad": 0.3, "alpha": 0.8}
    for height, text in ticks.items():
        offset = {"textcoords": "offset points", "va": "center", "fontsize": 8, "bbox": box, "zorder": 5}
        ax.annotate(text, (place, height), **aside, **offset)


def draw_importance(ax: Axes, table: pd.DataFrame, keys: Sequence[str]) -> None:
    """A bar for each key: see kd.plots.sweeps.importance."""
    shares = importance(table, keys)
    ax.set_yticks(range(len(keys)), [short(key, 16) for key in keys])
    ax.barh(range(len(keys)), [100 * np.nan_to_num(shares[key]) for key in keys], color=BASELINE, height=0.55)
    for place, key in enumerate(keys):
        text = "too few trials" if np.isnan(shares[key]) else f"{shares[key]:.0%}"
        ax.annotate(
            text, (100 * np.nan_to_num(shares[key]), place), (4, 0), textcoords="offset points", va="center"
        )
    ax.set(xlim=(0, 118), xticks=(0, 50, 100), xlabel="explained variance (%)")
    ax.invert_yaxis()
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x")


def _placed(values: pd.Series, logarithmic: bool, dense: bool) -> tuple[np.ndarray, dict[float, str]]:
    """The height of each value on its axis, 0 to 1, and the heights of its ticks with their texts."""
    if not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        names = sorted(map(str, values.unique()))
        heights = np.linspace(0, 1, len(names)) if len(names) > 1 else np.array([0.5])
        place = dict(zip(names, heights, strict=True))
        ticks = {place[name]: short(name, 6 if dense else 10) for name in names}
        return np.array([place[str(value)] for value in values]), ticks
    numbers, distinct = values.to_numpy(float), np.unique(values.to_numpy(float))
    if len(distinct) > MOST_TICKS:
        low, high = distinct[0], distinct[-1]
        count = 2 if dense else 4
        distinct = np.geomspace(low, high, count) if logarithmic else np.linspace(low, high, count)
    if logarithmic:
        numbers, places = np.log(numbers), np.log(distinct)
    else:
        places = distinct
    low, span = numbers.min(), np.ptp(numbers) or 1.0
    texts = [f"{value:.{2 if dense and values.name != ACCURACY else 3}g}" for value in distinct]
    return (numbers - low) / span, dict(zip((places - low) / span, texts, strict=True))
