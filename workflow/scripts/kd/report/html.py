"""Builds the elements of a page: links, tables, pictures and drawings, so that it needs no other file."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import starmap

from markupsafe import Markup, escape

from kd.results.format import DASH

KINDS = {"▲": "better", "▼": "worse"}  # by the first character of a number


def as_address(picture: bytes, kind: str = "png") -> str:
    """A picture as an address that holds it."""
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode('ascii')}"


def tag(name: str, *inside: str, **attributes: str | float | None) -> Markup:
    """An element, with text and values escaped; `class_` is written class, `aria_label` aria-label.

    An attribute that is None is left out.
    """
    pairs = ((key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items())
    numbers = ((key, f"{value:.6g}" if isinstance(value, float) else value) for key, value in pairs)
    written = "".join(f' {key}="{escape(value)}"' for key, value in numbers if value is not None)
    return Markup(f"<{name}{written}>{''.join(map(escape, inside))}</{name}>")  # Markup.format is slow


def linked(text: str, href: str, kind: str | None = None) -> Markup:
    """Text that leads to `href`, where that is not empty."""
    return tag("a", text, class_=kind, href=href) if href else escape(text)


def links(addresses: Mapping[str, str], between: str = " · ") -> Markup:
    """What is at these addresses, beside each other."""
    return Markup(between).join(starmap(linked, addresses.items()))


def bullets(lines: Iterable[str], kind: str | None = None) -> Markup:
    """A list with an item for each line."""
    return tag("ul", *(tag("li", line) for line in lines), class_=kind)


def cell(text: str, value: float | None = None) -> Markup:
    """A number in a table, and, in a table to be sorted, what it is sorted by.

    A dash has no place in an order.
    """
    if text == DASH:
        return tag("td", text, class_="quiet")
    return tag(
        "td", text, class_=KINDS.get(text[:1]), data_value=None if value is None else str(float(value))
    )


def headings(names: Iterable[str]) -> list[Markup]:
    """The headings of columns; the first column has the names of the rows."""
    return [tag("th", name, class_=None if at else "name", scope="col") for at, name in enumerate(names)]


def row(name: str, cells: Iterable[Markup], **attributes: str) -> Markup:
    """A row of a table: its name, which may be a link, and its cells."""
    return tag("tr", tag("th", name, class_="name", scope="row", **attributes), *cells)


def table(
    label: str, columns: Iterable[Markup], *bodies: Sequence[Markup], kind: str = "", **attributes: str
) -> Markup:
    """A table of the class `kind`, which scrolls where it is too wide: its headings, and bodies of rows.

    `label` says what it is to those who cannot see it.
    """
    rows = [tag("thead", tag("tr", *columns)), *(tag("tbody", Markup("\n").join(body)) for body in bodies)]
    drawn = tag("table", *rows, class_=kind or None, **attributes)
    scrolls = "scroll narrow" if kind == "square" else "scroll"
    return tag("div", drawn, class_=scrolls, tabindex=0, role="region", aria_label=label)


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
