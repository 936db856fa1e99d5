"""Colours and marks of methods, which differ in hue, in shape and, in a print without colours, in grey.

The hues are those of Okabe & Ito 2008 (Color Universal Design), which colour-blind people can tell apart.
Their lightness is changed: on white each has a contrast of 3 at least, and neighbours differ in luminance.
"""

from collections.abc import Iterable
from typing import NamedTuple

from kd.plots.style import DISTILLED, short

MANY = 8  # methods; more share one look
_COLOURS = (DISTILLED, "#0b5a8c", "#12795c", "#7a2e62", "#b54f83", "#8a3a00", "#3f95cc", "#1f5c33")
_MARKERS = "^vDs<>Ph"


class Look(NamedTuple):
    """How the students of a method are drawn."""

    colour: str
    marker: str
    label: str  # in a legend


def looks_of(methods: Iterable[str]) -> dict[str, Look]:
    """A look for each method, in the order given; of more than MANY methods all have the same."""
    names = list(dict.fromkeys(methods))
    if len(names) > MANY:
        return dict.fromkeys(names, Look(_COLOURS[0], _MARKERS[0], f"distilled, {len(names)} methods"))
    parts = zip(names, _COLOURS, _MARKERS, strict=False)
    return {name: Look(colour, marker, f"distilled, {short(name)}") for name, colour, marker in parts}
