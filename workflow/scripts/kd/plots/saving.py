"""Figures as files; an SVG follows the colour scheme, light or dark, of the page that shows it."""

import colorsys
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text

from kd.io.files import write_text
from kd.plots import style

PAPER, INK = "#15181c", "#e6e8eb"  # in the dark, as in kd.report.style
_CELL = "cell-"  # what the ids of texts begin with that stand on a colour
# The colour of these is a number, which must not change with the scheme.
_NUMBERS = f':not([id^="QuadMesh"] *, [id^="PathCollection"] *, [id^="{_CELL}"] *)'
_PAINTED = re.compile(r"(fill|stroke): (#[0-9a-f]{6})")
_END_OF_STYLE = "</style>"


class Plot(NamedTuple):
    """A figure of the report: its title, its caption of at most 30 words, and how it is drawn at a width."""

    title: str
    caption: str
    draw: Callable[[float], Figure]


def save_plot(plot: Plot, stem: Path) -> None:
    """Write `<stem>.png`, `<stem>.svg` and, for a phone, `narrow/<name>.svg` beside them.

    The files carry title and caption as their metadata, from which the report takes them.
    """
    about = {"Title": plot.title, "Description": plot.caption}
    save(plot.draw(style.WIDTH), stem, **about)
    save(plot.draw(style.NARROW), stem.parent / "narrow" / stem.name, kinds=("svg",), **about)


def save(figure: Figure, stem: Path, kinds: Sequence[str] = ("svg", "png"), **about: str) -> None:
    """Write `<stem>.png`, which is white, and `<stem>.svg`, whole and equal byte for byte every time.

    Where the reader prefers a dark scheme the SVG is dark as well: its own style says so, which also an
    `<img>` heeds. A program that knows no such styles shows it black on white; it is never black on black.
    """
    style.save(figure, stem, kinds, **about)
    path = stem.with_name(f"{stem.name}.svg")
    write_text(path, _with_dark(path.read_text(encoding="utf-8")))


def keep_ink(text: Text, place: str) -> None:
    """Let `text`, which stands on a colour, be as it is in the dark too; `place` is its own in the figure."""
    text.set_gid(_CELL + place)


def in_the_dark(colour: str) -> str:
    """What `colour` is on a dark page: from light to dark and back, in the same hue.

    White and black become PAPER and INK, greys what is between them; of others the lightness of HLS is
    turned over.
    """
    red, green, blue = to_rgb(colour)
    if red == green == blue:
        ends = zip(to_rgb(PAPER), to_rgb(INK), strict=True)
        return to_hex([red * paper + (1 - red) * ink for paper, ink in ends])
    hue, lightness, saturation = colorsys.rgb_to_hls(red, green, blue)
    return to_hex(colorsys.hls_to_rgb(hue, 1 - lightness, saturation))


def _with_dark(svg: str) -> str:
    """Add to the style of an SVG by Matplotlib what holds in the dark.

    Black text has no colour of its own and inherits that of the root; all else is painted by an attribute
    `style`, which only an important rule outdoes.
    """
    rules = [f"svg {{ background: {PAPER}; fill: {INK} }}", f'[id^="{_CELL}"] {{ fill: black }}']
    for what, colour in sorted(set(_PAINTED.findall(svg))):
        where = _NUMBERS if what == "fill" else ""
        rules.append(f'[style*="{what}: {colour}"]{where} {{ {what}: {in_the_dark(colour)} !important }}')
    dark = "\n@media (prefers-color-scheme: dark) {\n" + "\n".join(rules) + "\n}\n"
    return svg.replace(_END_OF_STYLE, dark + _END_OF_STYLE, 1)
