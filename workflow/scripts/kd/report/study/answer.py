"""The answer of a study: the largest gain and what the methods gain on average, each with its interval."""

import math
from typing import Any, NamedTuple

import pandas as pd

from kd.results.format import percent, plus_minus, title
from kd.results.ranking import FEW, some, tied_with_first
from kd.roles import DISTILLED_STUDENT, MEAN, STUDENT_ALONE, TEACHER

POINTS = "percentage points of test accuracy"
Key = tuple[str, str, str, str]  # role, name, teacher and method of a row


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
    pairs = table[(table["role"] == DISTILLED_STUDENT) & table["gain"].notna()]
    if pairs.empty:
        return _without_gains(table)
    best = pairs.loc[pairs["gain"].idxmax()]
    return [_largest(best, pairs), _accuracies(best, table) if len(pairs) == 1 else _methods(ranked)]


def _largest(best: pd.Series, pairs: pd.DataFrame) -> list[Piece]:
    basis = (
        "one seed" if math.isnan(best["gain_ci95"]) else f"95\N{NO-BREAK SPACE}% CI, {best['gain_n']} seeds"
    )
    return [
        Piece("Gain: " if len(pairs) == 1 else "Largest gain: "),
        Piece(plus_minus(best["gain"], best["gain_ci95"], "+"), _key(best)),
        Piece(f" {POINTS}, "),
        Piece(title(*_key(best)), _key(best)),
        Piece(f" ({basis}). {_remark(best, pairs)}".rstrip()),
    ]


def _remark(best: pd.Series, pairs: pd.DataFrame) -> str:
    """What to make of the largest gain."""
    gain, half = best["gain"], best["gain_ci95"]
    if math.isnan(half):
        return "A single seed has no interval, so this may be chance."
    if gain < -half:
        return "No student gained: the interval is below 0."
    if gain <= half:
        some_gained = (pairs["gain"] > pairs["gain_ci95"]).any()
        return (
            "The interval contains 0." if some_gained else "No gain is significant: the interval contains 0."
        )
    return (
        f"As the largest of {len(pairs)} noisy estimates it is likely to be too high."
        if len(pairs) > 1
        else ""
    )


def _methods(ranked: pd.DataFrame) -> list[Piece]:
    """What the methods gained on average."""
    first = ranked.iloc[0]
    value = Piece(plus_minus(first["gain"], first["gain_ci95"], "+"), (MEAN, "", "", first["method"]))
    interval = _interval(first["gain"], first["gain_ci95"])
    if len(ranked) == 1:
        start = f"Average gain of {first['method']} over {first['pairs']} pairs: "
        return [Piece(start), value, Piece(f" ({interval}).")]
    start = f"Highest average gain of {len(ranked)} methods: {first['method']}, "
    return [Piece(start), value, Piece(f" ({interval}). {_others(ranked)}")]


def _interval(gain: float, half: float) -> str:
    """Where the interval of an average gain lies."""
    if math.isnan(half):
        return "one seed, no interval"
    if abs(gain) <= half:
        return "the interval contains 0"
    return "the interval is above 0" if gain > 0 else "the interval is below 0"


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


def _accuracies(best: pd.Series, table: pd.DataFrame) -> list[Piece]:
    """The accuracies behind the only gain."""
    keys = {"distilled": _key(best), "baseline": (STUDENT_ALONE, best["name"], "", "")}
    keys["teacher"] = (TEACHER, best["teacher"], "", "")
    pieces = [Piece("Test accuracy: ")]
    for name, key in keys.items():
        if accuracy := _accuracy(table, key):
            pieces += [Piece(f"{', ' * (len(pieces) > 1)}{name} "), accuracy]
    return [*pieces, Piece(".")]


def _without_gains(table: pd.DataFrame) -> list[list[Piece]]:
    rows = table[table["test_accuracy"].notna()]
    best = _key(rows.loc[rows["test_accuracy"].idxmax()])
    second = [
        Piece("Highest test accuracy: "),
        Piece(title(*best), best),
        Piece(", "),
        _accuracy(table, best),
    ]
    return [[Piece("No student was distilled in this study.")], [*second, Piece(".")]]


def _accuracy(table: pd.DataFrame, key: Key) -> Piece | None:
    rows = table[(table[["role", "name", "teacher", "method"]] == list(key)).all(axis=1)]
    return Piece(percent(rows["test_accuracy"].iloc[0]), key) if len(rows) else None


def _key(row: Any) -> Key:
    return (row["role"], row["name"], row["teacher"], row["method"])
