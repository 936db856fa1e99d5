"""Methods side by side: which gains most, and whether that can be told from the others."""

import pandas as pd

from kd.table import DISTILLED, MEAN


def rank(table: pd.DataFrame) -> pd.DataFrame:
    """The methods of a study by their mean gain over the pairs that each was run with, the highest first.

    Columns: method, gain, gain_ci95, gain_n as in the table; `pairs`, how many those are; and `tied`, whether
    the method's 95 % interval and that of the first overlap, so that the two are not told apart; the first
    itself counts as tied. Where an interval is unknown (a single seed) nothing is told apart.
    """
    means = table[table["role"] == MEAN].sort_values("gain", ascending=False, kind="stable")
    ranked = means[["method", "gain", "gain_ci95", "gain_n"]].reset_index(drop=True)
    pairs = _pairs(table)
    ranked["pairs"] = [len(pairs.get(method, ())) for method in ranked["method"]]
    if ranked.empty:
        return ranked.assign(tied=pd.Series(dtype=bool))
    low = ranked["gain"] - ranked["gain_ci95"]
    high = ranked["gain"] + ranked["gain_ci95"]
    return ranked.assign(tied=~(high < low.iloc[0]))  # comparisons with NaN are false, and so tie


def _pairs(table: pd.DataFrame) -> dict[str, set[tuple[str, str]]]:
    """Teachers and students that each method was run with, by its name."""
    distilled = table[table["role"] == DISTILLED]
    groups = distilled.groupby("method", sort=False)
    return {name: set(zip(rows["teacher"], rows["name"], strict=True)) for name, rows in groups}


def caution(table: pd.DataFrame) -> str:
    """A sentence where methods were run with different teachers, so that their means are over other pairs."""
    pairs = [
        found for found in _pairs(table).values() if not any(teacher == "(none)" for teacher, _ in found)
    ]
    if all(found == pairs[0] for found in pairs[1:]):
        return ""
    return "Not all were run with the same teachers (see pairs): a part of a difference may be the teachers'."


def verdict_on(ranked: pd.DataFrame) -> str:
    """One sentence: the winner, or those among which there is none."""
    first, tied = ranked["method"].iloc[0], list(ranked["method"][ranked["tied"]])
    if len(ranked) == 1:
        return "There is one method, and none to compare it with."
    if len(tied) == 1:
        return f"{first} gains the most: its whole interval lies above those of all others."
    if ranked["gain_ci95"].isna().any():
        return f"{first} gains the most, but without intervals (a single seed) no method is told apart."
    return f"No winner: the intervals of {', '.join(tied[:-1])} and {tied[-1]} overlap with the highest."
