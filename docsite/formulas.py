"""Formulas as MathML, which browsers show by themselves: no script, no fonts from elsewhere."""

import html
import re

from latex2mathml.converter import convert

# What the Markdown extension arithmatex makes of $…$ and $$…$$.
_INLINE = re.compile(r'<span class="arithmatex">\\\((.*?)\\\)</span>', re.DOTALL)
_BLOCK = re.compile(r'<div class="arithmatex">\\\[(.*?)\\\]</div>', re.DOTALL)


def to_mathml(page: str) -> str:
    """A page of HTML in which every formula is MathML."""
    page = _BLOCK.sub(lambda found: f'<div class="formula">{_mathml(found, "block")}</div>', page)
    return _INLINE.sub(lambda found: _mathml(found, "inline"), page)


def _mathml(found: re.Match, display: str) -> str:
    return convert(html.unescape(found[1]).strip(), display=display)
