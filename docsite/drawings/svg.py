"""What the drawings share: a frame whose colours follow the reader's scheme, light or dark, and text."""

from collections.abc import Iterable
from html import escape

STYLE = """\
text { font: 13px system-ui, sans-serif; fill: #1b1f24 }
.head { font-weight: 600 } .small { font-size: 12px } .bar { fill: #3b6fb6 } .soft { fill: #b3590a }
.mark { stroke: #1b1f24; stroke-width: 2 } .grid { stroke: #dcdfe3 }
.path { stroke: #3b6fb6; stroke-width: 2.5 }
.hollow { fill: #fff; stroke: #1b1f24; stroke-width: 1.5 } .seed { opacity: 0.55 } .ink { fill: #1b1f24 }
@media (prefers-color-scheme: dark) {
text, .ink { fill: #e6e8eb } .bar { fill: #7fa8e0 } .soft { fill: #f0a35e }
.mark { stroke: #e6e8eb } .grid { stroke: #3a3f47 } .path { stroke: #7fa8e0 }
.hollow { fill: #15181c; stroke: #e6e8eb } }"""


def frame(width: int, height: int, parts: Iterable[str]) -> str:
    """An SVG of this size in pixels."""
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    start = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">\n<style>{STYLE}</style>'
    return "\n".join([start, *parts, "</svg>\n"])


def text(x: float, y: float, words: str, kind: str = "small", anchor: str = "start") -> str:
    """Words on a line that ends, begins or has its middle at x."""
    return f'<text class="{kind}" x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(words)}</text>'
