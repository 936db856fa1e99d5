"""Numbers as a reader wants them, and tables that are Markdown as well as plain text."""

import math
from collections.abc import Mapping, Sequence

Stat = Mapping[str, float]  # median, low and high, as of statistics.py
NONE = "–"


def ratio(stat: Stat) -> str:
    """A ratio with its range: "1.62× (1.58–1.66)"."""
    digits = 2 if stat["median"] < 10 else 1
    return f"{times(stat['median'])} ({stat['low']:.{digits}f}–{stat['high']:.{digits}f})"


def times(value: float) -> str:
    """A ratio alone: "1.62×"."""
    return f"{value:.{2 if value < 10 else 1}f}×"


def seconds(stat: Stat) -> str:
    """A duration in seconds with its range and the unit that suits it: "21.3 ms (20.9–24.0)"."""
    unit, scale = ("ms", 1000) if stat["median"] < 0.9995 else ("s", 1)
    median, low, high = (scale * stat[key] for key in ("median", "low", "high"))
    digits = decimals(median)
    return f"{median:.{digits}f} {unit} ({low:.{digits}f}–{high:.{digits}f})"


def count(stat: Stat) -> str:
    """A large number with its range: "12,300 (11,900–12,400)"."""
    return f"{stat['median']:,.0f} ({stat['low']:,.0f}–{stat['high']:,.0f})"


def one(value: float, unit: str = "s") -> str:
    """A single number in three figures: "0.012 s"."""
    return f"{value:,.{decimals(value)}f} {unit}"


def percent(share: float) -> str:
    """A share of 1: "83 %"."""
    return f"{share:.0%}".replace("%", " %")


def decimals(value: float) -> int:
    """Digits behind the point that show three figures of `value`, as far as there are any."""
    return min(6, max(0, 2 - math.floor(math.log10(abs(value))))) if value else 0


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]], texts: int = 1) -> str:
    """A table in GitHub's Markdown whose columns also line up in a terminal.

    The first `texts` columns are set flush left, the others, which are numbers, flush right.
    """
    widths = [max(3, *map(len, column)) for column in zip(head, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell.ljust(width) if place < texts else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return f"| {' | '.join(padded)} |"

    rule = ["-" * w if place < texts else "-" * (w - 1) + ":" for place, w in enumerate(widths)]
    return "\n".join([line(head), line(rule), *map(line, rows)])
