"""The plot of baseline → distilled: a row for each student, with every seed and its teacher.

Each row is an SVG that is as wide as the page allows, with places in per cent of its width, beside ordinary
text: on a phone it narrows, and its words keep their size.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup

from kd.report.html import tag
from kd.report.study.pairs import Pair
from kd.report.study.sources import Study
from kd.results.format import percent, signed

MOST = 24  # rows; of more pairs the most accurate
MARGIN = 3.0  # per cent of the width on either side, so that no mark is cut
STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50)


@dataclass(frozen=True)
class Scale:
    """An axis from `low` to `high` per cent of accuracy."""

    low: float
    high: float

    def at(self, accuracy: float) -> str:
        """The place of an accuracy; one beyond the axis is at its end."""
        share = (min(max(accuracy, self.low), self.high) - self.low) / (self.high - self.low)
        return f"{MARGIN + (100 - 2 * MARGIN) * share:.2f}%"

    def holds(self, accuracy: float) -> bool:
        """Whether an accuracy is on the axis."""
        return self.low <= accuracy <= self.high

    @property
    def ticks(self) -> list[float]:
        """Round numbers on the axis."""
        step = next((step for step in STEPS if (self.high - self.low) / step <= 8), 100)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [k * step for k in range(first, last + 1)]


def scale_of(pairs: Iterable[Pair]) -> Scale:
    """An axis that holds every student, and the teachers that are not so far away as to squeeze them."""
    pairs = list(pairs)
    students = [value for pair in pairs for _, *both in pair.seeds for value in both]
    students += [value for pair in pairs for value in (pair.accuracy, pair.baseline)]
    known = [value for value in students if not math.isnan(value)]
    low, high = min(known), max(known)
    span = max(high - low, 1.0)
    teachers = [pair.teacher_accuracy for pair in pairs]
    near = [value for value in teachers if low - span <= value <= high + span]
    low, high = min([low, *near]), max([high, *near])
    pad = max(0.04 * (high - low), (1.0 - (high - low)) / 2, 0.05)
    return Scale(max(0.0, low - pad), min(100.0, high + pad))


def dumbbell(pairs: list[Pair], study: Study) -> dict[str, object]:
    """The rows by student, the axis, and how many pairs are left out."""
    shown = pairs[:MOST]
    if not shown:
        return {}
    scale = scale_of(shown)
    students = list(dict.fromkeys(pair.student for pair in shown))
    rows = [_row(pair, scale, study) for name in students for pair in shown if pair.student == name]
    return {"rows": rows, "axis": _axis(scale), "left": len(pairs) - len(shown)}


def _row(pair: Pair, scale: Scale, study: Study) -> dict[str, object]:
    kind = ("better" if pair.gain > 0 else "worse") if pair.significant else ""
    return {
        "name": study.analysed(pair.name, pair.key),
        "drawing": _drawing(pair, scale),
        "gain": signed(pair.gain),
        "kind": kind,
    }


def _drawing(pair: Pair, scale: Scale) -> Markup:
    before, after = scale.at(pair.baseline), scale.at(pair.accuracy)
    middle = "50%"
    parts = [
        tag("line", class_="tick", x1=scale.at(t), x2=scale.at(t), y1="0", y2="100%") for t in scale.ticks
    ]
    kind = "loss" if pair.gain < 0 else "rise"
    parts.append(tag("line", class_=kind, x1=before, x2=after, y1=middle, y2=middle))
    for _, distilled, baseline in pair.seeds:
        if not math.isnan(baseline):
            parts.append(tag("circle", class_="seed baseline", cx=scale.at(baseline), cy="76%", r="2.5"))
        parts.append(tag("circle", class_="seed distilled", cx=scale.at(distilled), cy="24%", r="2.5"))
    parts.append(tag("circle", class_="baseline", cx=before, cy=middle, r="5"))
    parts.append(tag("circle", class_="distilled", cx=after, cy=middle, r="5"))
    if not math.isnan(pair.teacher_accuracy):
        parts.append(_teacher(pair.teacher_accuracy, scale))
    label = f"{pair.name}: baseline {percent(pair.baseline)}, distilled {percent(pair.accuracy)}"
    if not math.isnan(pair.teacher_accuracy):
        label += f", teacher {percent(pair.teacher_accuracy)}"
    return tag("svg", *parts, class_="track", role="img", aria_label=label)


def _teacher(accuracy: float, scale: Scale) -> Markup:
    """A bar at its accuracy, or an arrow with the number where that is beyond the axis."""
    if scale.holds(accuracy):
        x = scale.at(accuracy)
        return tag("line", class_="teacher", x1=x, x2=x, y1="15%", y2="85%")
    left = accuracy < scale.low
    words = f"◂ {accuracy:.0f}" if left else f"{accuracy:.0f} ▸"
    return tag("text", words, class_="away start" if left else "away end", x="0" if left else "100%", y="98%")


def _axis(scale: Scale) -> Markup:
    texts = [tag("text", f"{tick:g}", class_="middle", x=scale.at(tick), y="12") for tick in scale.ticks]
    return tag("svg", *texts, class_="axis", aria_hidden="true")
