"""All hyperparameters of a sweep side by side: parallel coordinates, and the importance of each."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize

from kd.plots.style import BASELINE, COLOURS, DISTILLED, short
from kd.plots.sweeps.importance import importance

MOST_TICKS = 6
ACCURACY = "validation_accuracy"


def draw_parallel(
    ax: Axes, table: pd.DataFrame, keys: Sequence[str], logarithmic: Sequence[str], scale: Normalize
) -> None:
    """A line for each trial through its value on an axis for each key, and its accuracy on the last.

    The colour is the accuracy; the line of the values that were chosen is thick. Trials that diverged are
    left out.
    """
    rows = table[table[ACCURACY].notna()].sort_values(ACCURACY)  # the best is drawn last
    columns = [_placed(rows[key], key in logarithmic) for key in (*keys, ACCURACY)]
    heights = np.column_stack([heights for heights, _ in columns])  # (trials, axes), 0 to 1
    for line, accuracy, chosen in zip(heights, rows[ACCURACY], rows["chosen"] == 1, strict=True):
        style = (
            {"color": DISTILLED, "lw": 3, "zorder": 4}
            if chosen
            else {"color": COLOURS(scale(accuracy)), "lw": 1}
        )
        ax.plot(range(len(line)), line, **style)
    for place, (_, ticks) in enumerate(columns):
        ax.axvline(place, color="0.25", lw=1, zorder=3)
        for height, text in ticks.items():
            last = place == len(columns) - 1
            aside = {"xytext": (5 if last else -5, 0), "ha": "left" if last else "right"}
            box = {"facecolor": "white", "edgecolor": "none", "pad": 0.3, "alpha": 0.8}
            offset = {"textcoords": "offset points", "va": "center", "fontsize": 8, "bbox": box, "zorder": 5}
            ax.annotate(text, (place, height), **aside, **offset)
    ax.set_xlim(-0.45, len(columns) - 0.55)
    ax.set_xticks(range(len(columns)), [*(short(key, 16) for key in keys), "validation\naccuracy (%)"])
    ax.set_yticks([])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


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


def _placed(values: pd.Series, logarithmic: bool) -> tuple[np.ndarray, dict[float, str]]:
    """The height of each value on its axis, 0 to 1, and the heights of its ticks with their texts."""
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        numbers = np.log(values.to_numpy(float)) if logarithmic else values.to_numpy(float)
        low, high = numbers.min(), numbers.max()
        span = high - low or 1.0
        distinct = np.unique(values)
        if len(distinct) > MOST_TICKS:
            ends = np.linspace(low, high, 4)
            return (numbers - low) / span, {
                (end - low) / span: _text(np.exp(end) if logarithmic else end) for end in ends
            }
        places = np.log(distinct.astype(float)) if logarithmic else distinct.astype(float)
        return (numbers - low) / span, {
            (p - low) / span: _text(v) for p, v in zip(places, distinct, strict=True)
        }
    names = sorted(map(str, values.unique()))
    heights = np.linspace(0, 1, len(names)) if len(names) > 1 else np.array([0.5])
    place = dict(zip(names, heights, strict=True))
    return np.array([place[str(value)] for value in values]), {place[name]: short(name, 10) for name in names}


def _text(value: Any) -> str:
    return f"{float(value):.3g}"
