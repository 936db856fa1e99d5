"""Repeated measurements in a few numbers."""

from collections.abc import Sequence
from statistics import median
from typing import Any


def stat(values: Sequence[float]) -> dict[str, Any]:
    """Median and range of `values`, in their own unit, and how many they are."""
    return {"median": median(values), "low": min(values), "high": max(values), "repeats": len(values)}


def ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """above_i / below_i: what was measured in one repetition shares the machine's mood of that minute."""
    return [a / b for a, b in zip(above, below, strict=True)]


def column(rows: Sequence[dict[str, float]], key: str) -> list[float]:
    """One value of every repetition."""
    return [row[key] for row in rows]
