"""Builds SVG drawings inside a page, which gives them their colours."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup


def tag(name: str, *inside: str, **attributes: str | float) -> Markup:
    """An element, with text and values escaped; `class_` is written class, `aria_label` aria-label."""
    pairs = ((key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items())
    numbers = ((key, f"{value:.6g}" if isinstance(value, float) else value) for key, value in pairs)
    written = Markup("").join(Markup(' {}="{}"').format(key, value) for key, value in numbers)
    return Markup("<{0}{1}>{2}</{0}>").format(name, written, Markup("").join(inside))


def text(words: str, x: float, y: float, kind: str) -> Markup:
    """Words at a place; `kind` are its classes, of which start, middle or end is how they are aligned."""
    return tag("text", words, x=x, y=y, class_=kind)


def drawing(parts: Sequence[Markup], width: float, height: float, kind: str, label: str) -> Markup:
    """A whole drawing of the class `kind`; `label` says what it shows to those who cannot see it."""
    about = {"viewBox": f"0 0 {width} {height}", "role": "img", "aria_label": label}
    return tag("svg", *parts, class_=kind, **about)


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
