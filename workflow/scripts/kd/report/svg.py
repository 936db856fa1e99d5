"""Builds SVG drawings inside a page, which gives them their colours."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from kd.report.html import tag


def text(words: str, x: float, y: float, kind: str) -> Markup:
    """Words at a place; `kind` are its classes, of which start, middle or end is how they are aligned."""
    return tag("text", words, x=x, y=y, class_=kind)


def drawing(parts: Sequence[Markup], width: float, height: float, kind: str, label: str) -> Markup:
    """A whole drawing of the class `kind`; `label` says what it shows to those who cannot see it."""
    return tag("svg", *parts, class_=kind, viewBox=f"0 0 {width} {height}", role="img", aria_label=label)


@dataclass(frozen=True)
class Field:
    """The part of a drawing between its axes, both of which go from 0 to 1."""

    left: float
    top: float
    width: float
    height: float

    def x(self, share: float) -> float:
        """How far to the right a share stands."""
        return self.left + share * self.width

    def y(self, share: float) -> float:
        """How far down a share stands: 1 is at the top."""
        return self.top + (1 - share) * self.height
