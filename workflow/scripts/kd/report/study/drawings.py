"""Small drawings of a run as SVG: they take the colours of the page, in the dark as in print."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from markupsafe import Markup, escape

WIDTH, HEIGHT = 280, 168
LEFT, RIGHT, TOP, BOTTOM = 40, 10, 10, 30  # margins of the axes
MOST = 80  # points of a curve: more would be closer than the pixels of a phone
FEW = 10  # images: of fewer the share of right answers says next to nothing
_AXES = (
    '<rect class="frame" x="{left}" y="{top}" width="{width}" height="{height}"/>'
    '<text x="{left}" y="{below}" text-anchor="start">{x0}</text>'
    '<text x="{right}" y="{below}" text-anchor="end">{x1}</text>'
    '<text x="{middle}" y="{below}" text-anchor="middle">{xlabel}</text>'
    '<text x="{before}" y="{bottom}" text-anchor="end">{y0}</text>'
    '<text x="{before}" y="{high}" text-anchor="end">{y1}</text>'
)


def curve(history: pd.DataFrame) -> Markup:
    """The validation accuracy of one run by epoch, as a line from its first epoch to its last."""
    known = history.dropna(subset="validation_accuracy")
    if known.empty:
        return Markup("")
    epochs, accuracies = list(known["epoch"]), list(known["validation_accuracy"])
    first, last = epochs[0], epochs[-1]
    low, high = min(accuracies), max(accuracies)
    if low == high:  # a level line is drawn half-way up
        low, high = low - 0.5, high + 0.5
    kept = sorted({round(place * (len(epochs) - 1) / (MOST - 1)) for place in range(MOST)})
    points = [
        (_x((epochs[k] - first) / (last - first or 1)), _y((accuracies[k] - low) / (high - low)))
        for k in kept
    ]
    line = '<polyline class="line" points="{}"/>'.format(" ".join(f"{x:.1f},{y:.1f}" for x, y in points))
    end = '<circle class="dot" cx="{:.1f}" cy="{:.1f}" r="3"/>'.format(*points[-1])
    label = f"Validation accuracy from {accuracies[0]:.2f} % after epoch {first}"
    label += f" to {accuracies[-1]:.2f} % after epoch {last}; at best {max(accuracies):.2f} %"
    return _svg(label, _axes((first, last), (f"{low:.1f}", f"{high:.1f}"), "epoch") + line + end)


def reliability(bins: Sequence[Mapping[str, Any]]) -> Markup:
    """How often the answers of each confidence are right: bars, which are on the diagonal if calibrated.

    `bins` are those of a diagnosis: low, high, confidence and accuracy as shares, and count; empty ones have
    no bar, and bars of fewer than FEW images are faded.
    """
    filled = [part for part in bins if part["count"]]
    bars = "".join(
        f'<rect class="bar{" few" if has_few(part) else ""}"'
        f' x="{_x(part["low"]) + 0.5:.1f}" y="{_y(part["accuracy"]):.1f}"'
        f' width="{_x(part["high"]) - _x(part["low"]) - 1:.1f}"'
        f' height="{_y(0) - _y(part["accuracy"]):.1f}"/>'
        for part in filled
    )
    diagonal = f'<path class="even" d="M{_x(0)} {_y(0)}L{_x(1)} {_y(1)}"/>'
    most = max(filled, key=lambda part: part["count"], default=None)
    label = "Share of right answers by confidence, in 15 steps"
    if most:
        label += f"; the fullest step has {most['count']} answers, with a mean confidence of"
        label += f" {most['confidence']:.2f}, of which {most['accuracy']:.2f} are right"
    return _svg(label, _axes((0, 1), ("0", "1"), "confidence") + bars + diagonal)


def has_few(part: Mapping[str, Any]) -> bool:
    """Whether a bin has so few images, but some, that its bar is faded."""
    return 0 < part["count"] < FEW


def _x(share: float) -> float:
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _y(share: float) -> float:
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def _axes(x: tuple[Any, Any], y: tuple[str, str], xlabel: str) -> str:
    return _AXES.format(
        **{"left": LEFT, "right": WIDTH - RIGHT, "top": TOP, "bottom": HEIGHT - BOTTOM, "high": TOP + 9},
        **{"width": WIDTH - LEFT - RIGHT, "height": HEIGHT - TOP - BOTTOM, "before": LEFT - 5},
        **{"middle": (WIDTH + LEFT - RIGHT) / 2, "below": HEIGHT - BOTTOM + 16, "xlabel": xlabel},
        **{"x0": x[0], "x1": x[1], "y0": y[0], "y1": y[1]},
    )


def _svg(label: str, body: str) -> Markup:
    """`body` holds numbers and fixed words alone."""
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    return Markup(f'<svg class="small" role="img" aria-label="{escape(label)}" {size}>{body}</svg>')
