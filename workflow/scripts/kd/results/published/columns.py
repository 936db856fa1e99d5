"""Published accuracies beside ours: what they are, how far ours are from them, and what that says."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from kd.results.published.text import NO, YES
from kd.results.significance import half_width
from kd.results.table_csv import PUBLISHED, key_of


def with_published(table: pd.DataFrame, published: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The table of kd.results.table with the columns PUBLISHED at its end, if anything is published.

    Each of `published` has an `accuracy` in per cent, its `source`, and the `role`, `name`, `teacher` and
    `method` of a row. `published_difference` is the mean test accuracy over the seeds minus the published
    one, in points; `published_ci95` the half-width of the mean's 95 % Student-t interval, and so of the
    difference's; `published_within` whether that interval holds the published one: "yes", "no", or empty
    without an interval.
    """
    if not published:
        return table
    cells = {(cell["role"], cell["name"], cell["teacher"], cell["method"]): cell for cell in published}
    rows = [_columns(row, cells.get(key_of(row))) for row in table.itertuples()]
    return table.join(pd.DataFrame(rows, columns=list(PUBLISHED), index=table.index))


def _columns(row: Any, cell: Mapping[str, Any] | None) -> list[Any]:
    if cell is None:
        return [math.nan, math.nan, math.nan, "", ""]
    difference = row.test_accuracy - cell["accuracy"]
    width = half_width(row.test_accuracy_std, row.seeds)
    known = not math.isnan(difference) and not math.isnan(width)
    within = (YES if abs(difference) <= width else NO) if known else ""
    return [cell["accuracy"], difference, width, within, cell["source"]]
