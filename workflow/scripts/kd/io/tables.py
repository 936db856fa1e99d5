"""Rows in CSV files, such as the epochs of a run in its history.csv."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kd.io.atomic import atomic


def no_formula(value: Any) -> Any:
    """Foreign text for a cell: with a quotation mark in front where a spreadsheet would compute it."""
    risky = isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r"))
    return f"'{value}" if risky else value


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]], columns: Sequence[str] = ()) -> None:
    """One line per row; the columns are the keys of the rows, some of which may be in a few rows only.

    Those of `columns` come first, in their order.
    """
    columns = list(dict.fromkeys([*columns, *(key for row in rows for key in row)]))
    with atomic(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
