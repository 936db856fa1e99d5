"""Methods side by side, and pairs: which gained most, and which differences are significant."""

from typing import Any

import pandas as pd

from kd.results.significance import compare_with_best
from kd.results.table import Runs, with_gains
from kd.roles import DISTILLED_STUDENT, MEAN, WITHOUT_TEACHER

FEW = 4  # names in a sentence; more are counted
HOW = "paired t-tests over students and seeds, Holm-corrected"
PAIRED = "paired t-test, Holm-corrected"


def rank(table: pd.DataFrame, runs: Runs) -> pd.DataFrame:
    """The methods of a study by their average gain over the pairs that each was run with, the highest first.

    Columns: method, gain, gain_ci95, gain_n as in the table; `pairs`, how many those are; and `difference`,
    `difference_ci95` and `significant` of kd.results.significance, to the first. It compares students and
    seeds, in each of which a gain is the mean over the teachers, as it is in the table.
    """
    averages = table[table["role"] == MEAN].sort_values("gain", ascending=False, kind="stable")
    ranked = averages[["method", "gain", "gain_ci95", "gain_n"]].reset_index(drop=True)
    ranked["pairs"] = ranked["method"].map(_students(table)["method"].value_counts())
    gains = _students(with_gains(runs)).groupby(["name", "seed", "method"])["gain"].mean().unstack("method")
    return _with_differences(ranked, gains, list(ranked["method"]))


def rank_pairs(table: pd.DataFrame, runs: Runs) -> pd.DataFrame:
    """The rows of all distilled students, the largest gain first, compared with it over seeds.

    The columns of that are `difference`, `difference_ci95` and `significant`.
    """
    ranked = _students(table).sort_values("gain", ascending=False, kind="stable")
    pair = ["name", "teacher", "method"]
    gains = _students(with_gains(runs)).set_index(["seed", *pair])["gain"].unstack(pair)
    order = list(ranked[pair].itertuples(index=False, name=None))
    return _with_differences(ranked.reset_index(drop=True), gains, order)


def _students(frame: pd.DataFrame) -> pd.DataFrame:
    """The distilled ones, of a table or of runs."""
    return frame[frame["role"] == DISTILLED_STUDENT]


def _with_differences(ranked: pd.DataFrame, gains: pd.DataFrame, order: list[Any]) -> pd.DataFrame:
    """`ranked`, whose rows are the columns `order` of `gains`, with what kd.results.significance says.

    What has no interval, as it is from a single seed, differs significantly from nothing.
    """
    if ranked.empty:
        return ranked.assign(difference=0.0, difference_ci95=0.0, significant=False)
    ranked = ranked.join(compare_with_best(gains[order]).reset_index(drop=True))
    unknown = ranked["gain_ci95"].isna() | pd.isna(ranked["gain_ci95"].iloc[0])
    return ranked.assign(
        significant=ranked["significant"] & ~unknown, difference_ci95=ranked["difference_ci95"].mask(unknown)
    )


def caution(table: pd.DataFrame) -> str:
    """A sentence where methods were run with different teachers, and so are averaged over other pairs."""
    methods = _students(table).groupby("method")
    taught = methods.filter(lambda rows: (rows["teacher"] != WITHOUT_TEACHER).all()).groupby("method")
    pairs = {frozenset(zip(rows["teacher"], rows["name"], strict=True)) for _, rows in taught}
    if len(pairs) < 2:
        return ""
    return "Not all were run with the same teachers (see pairs), which may explain a part of a difference."


def verdict_on(ranked: pd.DataFrame) -> str:
    """One sentence on methods: the winner, or those among which there is none."""
    first, tied = ranked["method"].iloc[0], tied_with_first(ranked)
    if len(ranked) == 1:
        return "There is one method, and none to compare it with."
    if ranked["gain_ci95"].isna().all():
        return f"{first} has the highest average gain; from a single seed no difference is significant."
    if not tied:
        return f"{first} has the highest average gain; all others are significantly lower ({HOW})."
    lower = f"{some(tied)} {'is' if len(tied) == 1 else 'are'} not significantly lower"
    return f"No winner: {first} has the highest average gain, but {lower} ({HOW})."


def verdict_of(table: pd.DataFrame, ranked: pd.DataFrame) -> str:
    """What the ranking of methods says in a sentence or two."""
    return f"{verdict_on(ranked)} {caution(table)}".strip()


def verdict_on_pairs(ranked: pd.DataFrame) -> str:
    """How many gains are significant, and how many lower than the largest; empty for a single pair."""
    if len(ranked) < 2:
        return ""
    if ranked["gain_ci95"].isna().all():
        return "From a single seed no gain and no order is significant."
    above, below = (int((sign * ranked["gain"] > ranked["gain_ci95"]).sum()) for sign in (1, -1))
    worse = f", and {below} {_are(below)} significantly negative" if below else ""
    their = "its" if above == 1 else "their"
    own = f"{above} of {len(ranked)} gains {_are(above)} significant on {their} own (95 % CI above 0){worse}."
    lower, others = int(ranked["significant"].sum()), len(ranked) - 1
    if lower == others:
        return f"{own} The largest gain is significantly larger than all others ({PAIRED})."
    if not lower:
        order = "No pair is significantly better than another"
        return f"{own} {order} ({PAIRED}), so do not read the order as a ranking."
    return f"{own} {lower} of {others} gains {_are(lower)} significantly smaller than the largest ({PAIRED})."


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def tied_with_first(ranked: pd.DataFrame) -> list[str]:
    """The methods that do not differ significantly from the first."""
    return list(ranked["method"].iloc[1:][~ranked["significant"].iloc[1:]])


def some(names: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`; of more than FEW `33 others`."""
    if len(names) > FEW:
        return f"{len(names)} others"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
