"""The learning curve of a run as a small SVG: it takes the colours of the page, in the dark as in print."""

import pandas as pd
from markupsafe import Markup

from kd.report.html import Field, drawing, tag, text

WIDTH, HEIGHT = 280, 168
FIELD = Field(40, 10, 230, 128)
MOST = 80  # points of a curve: more would be closer than the pixels of a phone


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
        (FIELD.x((epochs[k] - first) / (last - first or 1)), FIELD.y((accuracies[k] - low) / (high - low)))
        for k in kept
    ]
    x, y = points[-1]
    parts = [
        tag("rect", class_="frame", x=FIELD.left, y=FIELD.top, width=FIELD.width, height=FIELD.height),
        text(str(first), FIELD.x(0), 154, "start"),
        text(str(last), FIELD.x(1), 154, "end"),
        text("epoch", FIELD.x(0.5), 154, "middle"),
        text(f"{low:.1f}", FIELD.left - 5, FIELD.y(0), "end"),
        text(f"{high:.1f}", FIELD.left - 5, FIELD.y(1) + 9, "end"),
        tag("polyline", class_="line", points=" ".join(f"{x:.1f},{y:.1f}" for x, y in points)),
        tag("circle", class_="dot", cx=x, cy=y, r=3),
    ]
    label = f"Validation accuracy from {accuracies[0]:.2f} % after epoch {first}"
    label += f" to {accuracies[-1]:.2f} % after epoch {last}; at best {max(accuracies):.2f} %"
    return drawing(parts, WIDTH, HEIGHT, "small", label)
