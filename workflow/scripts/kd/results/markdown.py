"""Text, lists and tables in GitHub-flavoured Markdown."""

import re
import unicodedata
from collections.abc import Iterable, Sequence

_INTERVAL = re.compile(r"\\\[([\N{MINUS SIGN}\d.]+, [\N{MINUS SIGN}\d.]+)\\\](?![(\[:])")


def plain(text: object) -> str:
    """Text on one line that `prints`, with what could open a cell, a tag, a link or a style escaped.

    An interval such as [0.84, 5.76] opens nothing, and stays as it is.
    """
    escaped = re.sub(r"([\\|<>`*\[\]&])", r"\\\1", prints(" ".join(str(text).split())))
    return _INTERVAL.sub(r"[\1]", escaped)


def prints(text: str) -> str:
    """Text without control characters (Cc), but for line feeds and tabs, and unseen marks (Cf).

    Codes of terminals begin with the first, and some of the second turn the direction of what follows.
    """
    unseen = [sign for sign in set(text) if sign not in "\n\t" and unicodedata.category(sign) in ("Cc", "Cf")]
    return text.translate(dict.fromkeys(map(ord, unseen))) if unseen else text


def bullets(lines: Iterable[object]) -> str:
    """A list with an item for each line."""
    return "\n".join(f"- {plain(line)}" for line in lines)


def table(lines: Sequence[Sequence[str]], left: int = 1) -> str:
    """A table of headings and rows, with its first `left` columns to the left and the others to the right.

    Cells are Markdown. Columns are padded, so that it reads well as plain text too.
    """
    widths = [max(3, *map(len, column)) for column in zip(*lines, strict=True)]
    rule = ["-" * width if i < left else "-" * (width - 1) + ":" for i, width in enumerate(widths)]
    sides = ["<" if i < left else ">" for i in range(len(widths))]
    form = "| " + " | ".join(f"{{:{side}{width}}}" for side, width in zip(sides, widths, strict=True)) + " |"
    return "\n".join(form.format(*cells) for cells in [lines[0], rule, *lines[1:]])
