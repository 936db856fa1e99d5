"""Formulas as MathML, which browsers show by themselves: no script, no fonts from elsewhere."""

import html
import re

from latex2mathml.converter import convert

# What the Markdown extension arithmatex makes of $…$ and $$…$$.
_INLINE = re.compile(r'<span class="arithmatex">\\\((.*?)\\\)</span>', re.DOTALL)
_BLOCK = re.compile(r'<div class="arithmatex">\\\[(.*?)\\\]</div>', re.DOTALL)
_APART = re.compile(r",?\s*\\q?quad\b\s*")  # what stands between two equations of one formula


def to_mathml(page: str) -> str:
    """A page of HTML in which every formula is MathML."""
    page = _BLOCK.sub(_block, page)
    return _INLINE.sub(lambda match: _mathml(match[1], "inline"), page)


def _block(match: re.Match) -> str:
    """A formula, its equations below each other: on a phone they have no place side by side."""
    lines = [_mathml(equation, "block") for equation in _APART.split(match[1])]
    return f'<div class="formula">{"".join(lines)}</div>'


def _mathml(formula: str, display: str) -> str:
    return convert(html.unescape(formula).strip(), display=display)
