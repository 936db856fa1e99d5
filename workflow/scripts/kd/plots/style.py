"""What all plots share: sizes, colours that keep their order in grey, and how a figure is written."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib
import matplotlib.style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, to_rgb
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from kd.io.atomic import atomic

if TYPE_CHECKING:
    import pandas as pd

WIDTH = 5.8  # inches: a page shows all of it
NARROW = 3.7  # inches: a phone shows all of it, without making its words smaller
COLOURS = matplotlib.colormaps["cividis"]
BASELINE, DISTILLED = COLOURS(0.0), "#d55e00"  # dark against light, blue against orange
TEACHER_GREY = "0.35"
DPI = {"svg": 72, "png": 150}
_SETTINGS = {
    "font.size": 9.5,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "lines.markersize": 6,
    "grid.color": "0.88",
    "legend.frameon": False,
    "legend.fontsize": 9,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "svg.hashsalt": "kd",  # the ids within an SVG are otherwise drawn at random
}


# A decorator: its functions draw under these settings, whatever the user's own matplotlibrc says.
styled = matplotlib.style.context(["default", _SETTINGS])


@styled
def save(figure: Figure, stem: Path, kinds: Sequence[str] = ("svg", "png"), **about: str) -> None:
    """Write `<stem>.svg` and `<stem>.png`, whole or not at all, and equal byte for byte every time.

    `about`: the Title and Description that the files carry as metadata.
    """
    settle(figure)
    # Not by savefig(), which draws every figure twice.
    writers = {"svg": FigureCanvasSVG(figure).print_svg, "png": FigureCanvasAgg(figure).print_png}
    for kind in kinds:
        figure.set_dpi(DPI[kind])
        metadata = about | ({"Date": None} if kind == "svg" else {})
        # with_suffix() would cut a name that has a dot in it.
        with atomic(stem.with_name(f"{stem.name}.{kind}")) as temporary:
            writers[kind](temporary, metadata=metadata)


def settle(figure: Figure) -> None:
    """Compute the layout, after which every text has a place, once and for all kinds of files."""
    if isinstance(figure.get_layout_engine(), ConstrainedLayoutEngine):
        figure.draw_without_rendering()
        figure.set_layout_engine("none")


def short(name: str, most: int = 18) -> str:
    """`name`, without its middle where it is longer than `most` characters; both ends distinguish names."""
    if len(name) <= most:
        return name
    head = most * 2 // 3
    return f"{name[:head]}…{name[head + 1 - most :]}"


def ink_on(colour: tuple[float, ...]) -> str:
    """Black or white, whichever has the larger WCAG 2 contrast ratio on `colour`.

    Relative luminance L of sRGB; the contrasts 1.05 / (L + 0.05) with white and (L + 0.05) / 0.05 with
    black are equal at L = √0.0525 - 0.05 ≈ 0.179.
    """
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "black" if luminance > 0.179 else "white"


@styled
def message(text: str, width: float = WIDTH) -> Figure:
    """A figure that says in words why there is nothing to draw."""
    figure = Figure(figsize=(width, 1.2))
    figure.text(0.5, 0.5, text, ha="center", va="center", wrap=True)
    return figure


def colour_scale(accuracies: "pd.Series") -> Normalize:
    """From the lowest to the highest accuracy of all panels, so that their colours can be compared."""
    low, high = accuracies.min(), accuracies.max()
    margin = 0.5 if low == high else 0.0
    return Normalize(low - margin, high + margin)


def add_scale(figure: Figure, axes: Any, scale: Normalize, label: str) -> None:
    """A bar beside `axes` that says which colour is which accuracy."""
    bar = figure.colorbar(ScalarMappable(scale, COLOURS), ax=axes, aspect=30, fraction=0.05)
    bar.set_label(label)
    bar.outline.set_visible(False)
