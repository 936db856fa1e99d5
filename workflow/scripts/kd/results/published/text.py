"""What is said of published accuracies beside ours, in the cells of a table and in lines below it."""

from typing import Any

import pandas as pd

from kd.results.format import DASH, number, with_interval

YES, NO = "yes", "no"  # whether a published accuracy is within our confidence interval
MARK = "\N{DAGGER}"  # of a difference whose interval holds the published accuracy
MARKED = (
    "Difference to published: our mean minus the published accuracy, in percentage points, ± the half-width"
    " of the 95 % confidence interval of our mean (Student's t over the seeds), which a single run does not"
    f" have. {MARK}: that interval holds the published accuracy."
)
_MEANING = (
    "Published: test accuracy that others have published, in per cent. Difference: our mean minus that, in"
    " percentage points, with the 95 % confidence interval of our mean (Student's t over the seeds)."
    " Within: whether that interval holds the published accuracy. It knows nothing of the spread of theirs."
)


def is_compared(table: pd.DataFrame) -> bool:
    """Whether the table has published accuracies."""
    return "published" in table and bool(table["published"].notna().any())


def cells(row: Any) -> dict[str, str]:
    """The cells of a row by their headings; none where the table has no published accuracies."""
    if not hasattr(row, "published"):
        return {}
    return {
        "published": number(row.published),
        "difference to published": with_interval(row.published_difference, row.published_ci95),
        "within our interval": row.published_within or DASH,
    }


def verdict(table: pd.DataFrame) -> str:
    """How many of the published accuracies our intervals hold, in a sentence; empty without any."""
    if not is_compared(table):
        return ""
    rows = table[table["published"].notna()]
    known = rows[rows["published_within"] != ""]
    outside = known.loc[known["published_within"] == NO, "published_difference"]
    without = len(rows) - len(known)
    alone = f"{without} {_are(without)} of a single run, which has no interval" if without else ""
    if known.empty:
        return f"Published accuracies: {alone}."
    inside = int((known["published_within"] == YES).sum())
    below, above = int((outside > 0).sum()), int((outside < 0).sum())  # theirs, of ours
    counts = f"{inside} of {len(known)} {_are(inside)} within our 95 % confidence interval"
    counts += f", {below} {_are(below)} below it and {above} {_are(above)} above"
    return f"Published accuracies: {'; '.join(filter(None, [counts, alone]))}."


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def legend(table: pd.DataFrame) -> list[str]:
    """What the columns mean, and whose the accuracies are; nothing without any."""
    if not is_compared(table):
        return []
    sources = [source for source in dict.fromkeys(table["published_source"]) if source]
    return [_MEANING, f"Published by: {'; '.join(sources)}."]
