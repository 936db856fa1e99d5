"""Methods side by side, and pairs: which gained most, and what can be told from that."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from kd.results.significance import compare_with_best
from kd.results.table import with_gains
from kd.roles import DISTILLED_STUDENT, MEAN, WITHOUT_TEACHER

FEW = 4  # names in a sentence; more are counted
HOW = "paired t-tests over students and seeds, with Holm's correction"


def rank(table: pd.DataFrame, runs: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """The methods of a study by their mean gain over the pairs that each was run with, the highest first.

    Columns: method, gain, gain_ci95, gain_n as in the table; `pairs`, how many those are; and `behind`,
    `behind_ci95` and `apart` of kd.results.significance, beside the first. Its clusters are students and
    seeds, in each of which a gain is the mean over the teachers, as it is in the table.
    """
    means = table[table["role"] == MEAN].sort_values("gain", ascending=False, kind="stable")
    ranked = means[["method", "gain", "gain_ci95", "gain_n"]].reset_index(drop=True)
    pairs = _pairs(table)
    ranked["pairs"] = [len(pairs.get(method, ())) for method in ranked["method"]]
    gains = _distilled(runs).groupby(["name", "seed", "method"])["gain"].mean().unstack("method")
    return _beside_first(ranked, gains, list(ranked["method"]))


def rank_pairs(table: pd.DataFrame, runs: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """The rows of all distilled students, the largest gain first, with `behind`, `behind_ci95` and `apart`.

    The clusters of the comparisons are the seeds.
    """
    ranked = table[table["role"] == DISTILLED_STUDENT].sort_values("gain", ascending=False, kind="stable")
    who = ["name", "teacher", "method"]
    gains = _distilled(runs).set_index(["seed", *who])["gain"].unstack(who)
    return _beside_first(
        ranked.reset_index(drop=True), gains, list(ranked[who].itertuples(index=False, name=None))
    )


def _distilled(runs: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    frame = with_gains(runs)
    return frame[frame["role"] == DISTILLED_STUDENT]


def _beside_first(ranked: pd.DataFrame, gains: pd.DataFrame, order: list[Any]) -> pd.DataFrame:
    """`ranked`, whose rows are the columns `order` of `gains`, with what kd.results.significance says.

    What has no interval, as it is from a single seed, is told apart from nothing.
    """
    if ranked.empty:
        return ranked.assign(behind=0.0, behind_ci95=0.0, apart=False)
    ranked = ranked.join(compare_with_best(gains[order]).reset_index(drop=True))
    unknown = ranked["gain_ci95"].isna() | pd.isna(ranked["gain_ci95"].iloc[0])
    return ranked.assign(apart=ranked["apart"] & ~unknown, behind_ci95=ranked["behind_ci95"].mask(unknown))


def _pairs(table: pd.DataFrame) -> dict[str, set[tuple[str, str]]]:
    """Teachers and students that each method was run with, by its name."""
    distilled = table[table["role"] == DISTILLED_STUDENT]
    groups = distilled.groupby("method", sort=False)
    return {name: set(zip(rows["teacher"], rows["name"], strict=True)) for name, rows in groups}


def caution(table: pd.DataFrame) -> str:
    """A sentence where methods were run with different teachers, so that their means are over other pairs."""
    pairs = [
        found
        for found in _pairs(table).values()
        if not any(teacher == WITHOUT_TEACHER for teacher, _ in found)
    ]
    if all(found == pairs[0] for found in pairs[1:]):
        return ""
    return "Not all were run with the same teachers (see pairs): a part of a difference may be the teachers'."


def verdict_on(ranked: pd.DataFrame) -> str:
    """One sentence on methods: the winner, or those among which there is none."""
    first, tied = ranked["method"].iloc[0], tied_with_first(ranked)
    if len(ranked) == 1:
        return "There is one method, and none to compare it with."
    if ranked["gain_ci95"].isna().all():
        return f"{first} has the highest mean, but from a single seed no method is told apart."
    if not tied:
        return f"{first} gains the most: all others are told apart from it ({HOW})."
    return f"No winner: {first} has the highest mean, and {some(tied)} cannot be told apart from it ({HOW})."


def verdict_on_pairs(ranked: pd.DataFrame) -> str:
    """What of pairs is told from 0, and what from the first of them; empty for a single pair."""
    if len(ranked) < 2:
        return ""
    if ranked["gain_ci95"].isna().all():
        return "From a single seed: neither a gain nor an order can be told from chance."
    above, below = (int((sign * ranked["gain"] > ranked["gain_ci95"]).sum()) for sign in (1, -1))
    apart, others = int(ranked["apart"].sum()), len(ranked) - 1
    chance = "" if apart == others else f"; the order of the {'others' if apart else 'rows'} may be chance"
    return (
        f"Of {len(ranked)} intervals {above or 'none'} {'lies' if above == 1 else 'lie'} wholly above 0 and"
        f" {below or 'none'} wholly below, not corrected for their number. Of the {others} lower gains"
        f" {apart or 'none'} can be told from the largest (paired t-tests over seeds, with Holm's correction)"
        f"{chance}."
    )


def tied_with_first(ranked: pd.DataFrame) -> list[str]:
    """The methods that are not told apart from the first."""
    return list(ranked["method"].iloc[1:][~ranked["apart"].iloc[1:]])


def some(names: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`; of more than FEW `33 others`."""
    if len(names) > FEW:
        return f"{len(names)} others"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
