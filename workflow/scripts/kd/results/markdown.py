"""Text, lists and tables in GitHub-flavoured Markdown."""

import re
from collections.abc import Iterable, Sequence


def plain(text: object) -> str:
    """Text on one line, with what could open a cell, a tag, a link or a style escaped."""
    return re.sub(r"([\\|<>`*\[\]&])", r"\\\1", " ".join(str(text).split()))


def bullets(lines: Iterable[object]) -> str:
    """A list with an item for each line."""
    return "\n".join(f"- {plain(line)}" for line in lines)


def table(header: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> str:
    """A table with its first `left` columns to the left and the others to the right; cells are Markdown.

    Columns are padded, so that it reads well as plain text too.
    """
    lines = [header, *rows]
    widths = [max(3, *map(len, column)) for column in zip(*lines, strict=True)]
    rule = ["-" * width if i < left else "-" * (width - 1) + ":" for i, width in enumerate(widths)]
    return "\n".join(_line(cells, widths, left) for cells in [lines[0], rule, *lines[1:]])


def _line(cells: Sequence[str], widths: Sequence[int], left: int) -> str:
    pairs = enumerate(zip(cells, widths, strict=True))
    padded = (cell.ljust(width) if i < left else cell.rjust(width) for i, (cell, width) in pairs)
    return "| " + " | ".join(padded) + " |"
