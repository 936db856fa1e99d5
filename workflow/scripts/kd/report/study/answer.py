"""The answer of a study: the largest gain and what the methods gain on average, each with its interval."""

import math
from typing import NamedTuple

import pandas as pd

from kd.report.study.sources import Key
from kd.results.format import percent, plus_minus, title
from kd.results.ranking import FEW, some, tied_with_first
from kd.results.table_csv import KEY
from kd.roles import BASELINE_ROW, DISTILLED_STUDENT, MEAN, TEACHER

POINTS = "percentage points of test accuracy"


class Piece(NamedTuple):
    """Some words of a sentence; those that come from a row of the table name it by its `key`."""

    text: str
    key: Key | None = None


def answer(table: pd.DataFrame, ranked: pd.DataFrame) -> list[list[Piece]]:
    """Two lines on the table, and its methods as kd.results.ranking ranks them.

    The largest of many gains is a maximum over noisy estimates, and the first line says so, or that no gain
    is significant. The second is on the methods, each over all its pairs, or has the accuracies of the only
    pair.
    """
    accuracies = table.set_index(KEY)["test_accuracy"]
    pairs = table[(table["role"] == DISTILLED_STUDENT) & table["gain"].notna()].set_index(KEY)
    if pairs.empty:
        return _without_gains(accuracies)
    best = pairs["gain"].idxmax()
    return [_largest(best, pairs), _accuracies(best, accuracies) if len(pairs) == 1 else _methods(ranked)]


def _largest(best: Key, pairs: pd.DataFrame) -> list[Piece]:
    gain, half, seeds = pairs.loc[best][["gain", "gain_ci95", "gain_n"]]
    basis = "one seed" if math.isnan(half) else f"95\N{NO-BREAK SPACE}% CI, {seeds} seeds"
    return [
        Piece("Gain: " if len(pairs) == 1 else "Largest gain: "),
        Piece(plus_minus(gain, half, "+"), best),
        Piece(f" {POINTS}, "),
        Piece(title(*best), best),
        Piece(f" ({basis}). {_remark(gain, half, pairs)}".rstrip()),
    ]


def _remark(gain: float, half: float, pairs: pd.DataFrame) -> str:
    """What to make of the largest gain."""
    if math.isnan(half):
        return "A single seed has no interval, so this may be chance."
    if gain < -half:
        return "No student gained: the interval is below 0."
    if gain > half:
        flatters = f"As the largest of {len(pairs)} noisy estimates it is likely to be too high."
        return flatters if len(pairs) > 1 else ""
    if (pairs["gain"] > pairs["gain_ci95"]).any():
        return "The interval contains 0."
    return "No gain is significant: the interval contains 0."


def _methods(ranked: pd.DataFrame) -> list[Piece]:
    """What the methods gained on average."""
    method, gain, half, pairs = ranked.loc[0, ["method", "gain", "gain_ci95", "pairs"]]
    value, end = Piece(plus_minus(gain, half, "+"), (MEAN, "", "", method)), f" ({_interval(gain, half)})."
    if len(ranked) == 1:
        return [Piece(f"Average gain of {method} over {pairs} pairs: "), value, Piece(end)]
    start = f"Highest average gain of {len(ranked)} methods: {method}, "
    return [Piece(start), value, Piece(f"{end} {_others(ranked)}")]


def _interval(gain: float, half: float) -> str:
    """Where the interval of an average gain lies."""
    if math.isnan(half):
        return "one seed, no interval"
    if abs(gain) <= half:
        return "the interval contains 0"
    return f"the interval is {'above' if gain > 0 else 'below'} 0"


def _others(ranked: pd.DataFrame) -> str:
    """Which methods are not significantly lower than the first, and which of them certainly gained too."""
    if ranked["gain_ci95"].isna().all():
        return "From one seed no difference is significant."
    tied, rest = tied_with_first(ranked), ranked.iloc[1:]
    text = f"Not significantly lower: {some(tied)}." if tied else "All others are significantly lower."
    above = list(rest["method"][rest["gain"] > rest["gain_ci95"]])
    if not above:
        return text
    return f"{text} Others with an interval above 0: {len(above) if len(above) > FEW else some(above)}."


def _accuracies(best: Key, accuracies: pd.Series) -> list[Piece]:
    """The accuracies behind the only gain."""
    _, student, teacher, _ = best
    pieces = [Piece("Test accuracy: distilled "), Piece(percent(accuracies[best]), best)]
    others = {"baseline": (BASELINE_ROW, student, "", ""), "teacher": (TEACHER, teacher, "", "")}
    for name, key in others.items():
        if key in accuracies.index:
            pieces += [Piece(f", {name} "), Piece(percent(accuracies[key]), key)]
    return [*pieces, Piece(".")]


def _without_gains(accuracies: pd.Series) -> list[list[Piece]]:
    best = accuracies.idxmax()
    second = [Piece("Highest test accuracy: "), Piece(title(*best), best), Piece(", ")]
    second += [Piece(percent(accuracies[best]), best), Piece(".")]
    return [[Piece("No student was distilled in this study.")], second]
