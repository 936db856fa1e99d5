"""The answer of a study in two sentences: which pair and method gained how much, and what of it is sure."""

import math
from typing import Any, NamedTuple

import pandas as pd

from kd.results.format import percent, plus_minus
from kd.results.ranking import FEW, some, tied_with_first
from kd.roles import DISTILLED_STUDENT, MEAN, WITHOUT_TEACHER

POINTS = "percentage points of test accuracy"


class Piece(NamedTuple):
    """Some words of a sentence; those that come from a row of the table name it by its `key`."""

    text: str
    key: tuple[str, str, str, str] | None = None


def answer(table: pd.DataFrame, ranked: pd.DataFrame) -> list[list[Piece]]:
    """Two sentences on the table of kd.results.table, and its methods as kd.results.ranking ranks them.

    The largest of many gains is a maximum over noisy estimates, and the first sentence says so, or that no
    gain is told from 0. The second is on the methods, each over all its pairs.
    """
    pairs = table[(table["role"] == DISTILLED_STUDENT) & table["gain"].notna()]
    if pairs.empty:
        return _without_gains(table)
    best = pairs.loc[pairs["gain"].idxmax()]
    return [_largest(best, pairs), _of_one_pair(best, table) if len(pairs) == 1 else _methods(ranked)]


def _largest(best: pd.Series, pairs: pd.DataFrame) -> list[Piece]:
    """Which pair gained most."""
    value = Piece(plus_minus(best["gain"], best["gain_ci95"], "+"), _key(best))
    who = Piece(_name(best), _key(best))
    one, sure = len(pairs) == 1, (pairs["gain"] > pairs["gain_ci95"]).any()
    first, end = "The gain was" if one else "The largest gain was", _basis(best, len(pairs))
    if not (best["gain"] > 0 or (pairs["gain"] + pairs["gain_ci95"] > 0).any()):  # nor with NaN
        first = (
            "Nothing was gained:" if one else f"None of the {len(pairs)} students gained: the best result is"
        )
    elif not sure and not math.isnan(best["gain_ci95"]):
        first = (
            "The gain cannot be told from 0: it was"
            if one
            else "No pair's gain can be told from 0: the largest was"
        )
    return [Piece(f"{first} "), value, Piece(f" {POINTS}, by "), who, Piece(end)]


def _basis(best: pd.Series, count: int) -> str:
    """What the largest of `count` gains rests on, and what to make of it."""
    if math.isnan(best["gain_ci95"]):
        return " (from a single seed, so nothing tells it from chance)."
    text = f" (95\N{NO-BREAK SPACE}% interval over {best['gain_n']} seeds)"
    if count == 1 or best["gain"] < -best["gain_ci95"]:
        return f"{text}."
    if best["gain"] <= best["gain_ci95"]:
        return f"{text}, an interval that contains 0."
    return f"{text}; as the largest of {count} noisy estimates it is likely to be too high."


def _methods(ranked: pd.DataFrame) -> list[Piece]:
    """What the methods gained on average."""
    first = ranked.iloc[0]
    value = Piece(plus_minus(first["gain"], first["gain_ci95"], "+"), (MEAN, "", "", first["method"]))
    if len(ranked) == 1:
        start = f"Over all {first['pairs']} pairs {first['method']} gained "
        return [Piece(start), value, Piece(f" on average{_sure(first)}.")]
    start = f"Of {len(ranked)} methods {first['method']} has the highest mean gain, "
    end = f" over the pairs it was run with{_sure(first)}; {_rivals(ranked)}{_others_above(ranked)}."
    return [Piece(start), value, Piece(end)]


def _sure(first: pd.Series) -> str:
    """Whether the interval of a mean gain excludes 0."""
    gain, half = first["gain"], first["gain_ci95"]
    if math.isnan(half):
        return ", without an interval"
    if abs(gain) <= half:
        return ", an interval that contains 0"
    return ", an interval that excludes 0" if gain > 0 else ", an interval wholly below 0"


def _rivals(ranked: pd.DataFrame) -> str:
    """Which methods are not told apart from the first."""
    if ranked["gain_ci95"].isna().all():
        return "without intervals the methods are not told apart"
    tied = tied_with_first(ranked)
    return f"{some(tied)} cannot be told apart from it" if tied else "all others are told apart from it"


def _others_above(ranked: pd.DataFrame) -> str:
    """Which of the others certainly gained: the first may be one of many seeds' noise, and they not."""
    rest = ranked.iloc[1:]
    above = list(rest["method"][rest["gain"] > rest["gain_ci95"]])
    if not above:
        return ""
    which = f"{len(above)} of the others" if len(above) > FEW else f"of the others {some(above)}"
    return f"; {which} {'has' if len(above) == 1 else 'have'} an interval above 0"


def _of_one_pair(best: pd.Series, table: pd.DataFrame) -> list[Piece]:
    """The accuracies behind the only gain."""
    alone, teacher = ("student alone", best["name"], "", ""), ("teacher", best["teacher"], "", "")
    pieces = [Piece("It reaches "), _accuracy(table, _key(best)), Piece(" on the test images, ")]
    pieces += [_accuracy(table, alone), Piece(" when trained alone")]
    if found := _accuracy(table, teacher):
        pieces += [Piece("; its teacher reaches "), found]
    return [*pieces, Piece(".")]


def _without_gains(table: pd.DataFrame) -> list[list[Piece]]:
    rows = table[table["test_accuracy"].notna()]
    best = rows.loc[rows["test_accuracy"].idxmax()]
    second = [Piece("The most accurate of its networks on the test images is ")]
    second += [Piece(_name(best), _key(best)), Piece(", with "), _accuracy(table, _key(best)), Piece(".")]
    return [[Piece("No student was distilled in this study, so there is no gain to speak of.")], second]


def _accuracy(table: pd.DataFrame, key: tuple[str, str, str, str]) -> Piece | None:
    rows = table[(table[["role", "name", "teacher", "method"]] == list(key)).all(axis=1)]
    return Piece(percent(rows["test_accuracy"].iloc[0]), key) if len(rows) else None


def _key(row: Any) -> tuple[str, str, str, str]:
    return (row["role"], row["name"], row["teacher"], row["method"])


def _name(row: pd.Series) -> str:
    """`cnn taught by resnet18 with kd`."""
    if row["role"] != DISTILLED_STUDENT:
        return f"{row['name']} ({row['role']})"
    teacher = "" if row["teacher"] == WITHOUT_TEACHER else f" taught by {row['teacher']}"
    return f"{row['name']}{teacher} with {row['method']}"
