"""The reliability diagram (Guo et al. 2017) of a diagnosis."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from kd.report.html import Field, drawing, tag, text

FEW = 10  # images in a bin, below which it is pale: its accuracy is mostly chance
FIELD = Field(40, 8, 232, 232)
COUNTS = 22  # height of the bars of the counts
BELOW = 50  # from the diagram to their feet
HATCH = 4.5  # between two lines of the hatching


def reliability(bins: Sequence[Mapping[str, Any]], ece: float) -> Markup:
    """A bar for each bin with images, which ends on the diagonal if the network is calibrated.

    `bins` are those of a diagnosis: low, high, confidence and accuracy as shares, and count; `ece` is in per
    cent. The gap between confidence and accuracy is hatched; below it is shown how many images a bin has.
    """
    field, filled = FIELD, [part for part in bins if part["count"]]
    fullest = max(filled, key=lambda part: part["count"], default=None)
    bottom = field.y(0) + BELOW
    parts = _scales(field, bottom)
    label = f"Reliability diagram: expected calibration error {ece:.2f} %"
    if fullest:
        parts += [_bar(part, field, bottom, fullest["count"]) for part in filled]
        parts.append(tag("line", class_="axis", x1=field.x(0), y1=bottom, x2=field.x(1), y2=bottom))
        parts.append(text(f"images, at most {fullest['count']:,}", field.left, field.y(0) + 20, "start"))
        label += f"; fullest bin: {_numbers(fullest)}"
    parts.append(tag("line", class_="ideal", x1=field.x(0), y1=field.y(0), x2=field.x(1), y2=field.y(1)))
    parts.append(text("confidence", field.x(0.5), bottom + 29, "middle"))
    return drawing(parts, field.x(1) + 22, bottom + 34, "reliability", label)


def has_few(part: Mapping[str, Any]) -> bool:
    """Whether a bin has so few images, but some, that its bar is pale."""
    return 0 < part["count"] < FEW


def _numbers(part: Mapping[str, Any]) -> str:
    return f"{part['count']:,} images, confidence {part['confidence']:.1%}, accuracy {part['accuracy']:.1%}"


def _scales(field: Field, bottom: float) -> list[Markup]:
    """Lines across, and the numbers of both axes."""
    parts = []
    for share in (0, 0.5, 1):
        y = field.y(share)
        parts.append(tag("line", class_="grid", x1=field.x(0), y1=y, x2=field.x(1), y2=y))
        parts.append(text(f"{share:.0%}", field.left - 5, y + 4, "end"))
        parts.append(text(f"{share:.0%}", field.x(share), bottom + 14, "middle"))
    return parts


def _bar(part: Mapping[str, Any], field: Field, bottom: float, most: int) -> Markup:
    """A bar up to the accuracy, hatched between accuracy and confidence, and the count at the bottom."""
    low, high = sorted((part["accuracy"], part["confidence"]))
    count = max(1.0, COUNTS * part["count"] / most)
    kind = "over" if part["confidence"] > part["accuracy"] else "under"
    return tag(
        "g",
        tag("title", _numbers(part)),
        _rect(part, field, "right", field.y(part["accuracy"]), field.y(0)),
        _rect(part, field, kind, field.y(high), field.y(low)),
        _hatching(part, field, f"{kind} hatch", field.y(high), field.y(low)),
        _rect(part, field, "count", bottom - count, bottom),
        **({"class_": "few"} if has_few(part) else {}),
    )


def _hatching(part: Mapping[str, Any], field: Field, kind: str, top: float, foot: float) -> Markup:
    """Slanting lines across a bar, each cut where it leaves the bar."""
    left, right = field.x(part["low"]) + 0.5, field.x(part["high"]) - 0.5
    lines, offset = [], HATCH
    while offset < right - left + foot - top:
        # From the left or lower edge up to the upper or right edge, at 45 degrees.
        x1, y1 = left + max(0.0, offset - (foot - top)), min(foot, top + offset)
        x2, y2 = min(right, left + offset), top + max(0.0, offset - (right - left))
        lines.append(f"M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}")
        offset += HATCH
    return tag("path", class_=kind, d="".join(lines)) if lines else Markup("")


def _rect(part: Mapping[str, Any], field: Field, kind: str, top: float, foot: float) -> Markup:
    """A bar as wide as the bin, but for half a pixel on either side."""
    left, right = field.x(part["low"]) + 0.5, field.x(part["high"]) - 0.5
    return tag("rect", class_=kind, x=left, y=top, width=right - left, height=foot - top)
