"""Text and lists that Markdown shows as they stand."""

import re
from collections.abc import Iterable, Sequence


def plain(text: object) -> str:
    """Text on one line, with what could open a cell, a tag, a link or a style escaped."""
    return re.sub(r"([\\|<>`*\[\]&])", r"\\\1", " ".join(str(text).split()))


def bullets(lines: Iterable[object]) -> str:
    """A list with an item for each line."""
    return "\n".join(f"- {plain(line)}" for line in lines)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table, its first column to the left and the others to the right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
