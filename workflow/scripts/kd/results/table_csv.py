"""table.csv: the table of kd.results.table, as it is written once and read by all that show it."""

from pathlib import Path
from typing import Any

import pandas as pd

from kd.io.atomic import atomic
from kd.io.files import not_whole
from kd.results.runs import DIAGNOSED

KEY = ["role", "name", "teacher", "method"]  # names a row
WORDS = ["role", "name", "teacher", "architecture", "method", "loss_function"]
INTEGERS = ["seeds", "epochs", "gain_n", "parameters", "macs"]
COLUMNS = [
    *("role", "name", "teacher", "architecture", "method", "seeds", "epochs", "loss_function"),
    *("train_loss", "train_accuracy", "validation_loss", "validation_accuracy"),
    *("test_loss", "test_accuracy", "test_accuracy_std"),
    *("selected_validation_accuracy", "selected_test_accuracy", "selected_test_accuracy_std"),
    *("gain", "gain_ci95", "gain_n", "agreement", "ece", "parameters", "macs", "seconds"),
]
COLUMNS += [column for measure in DIAGNOSED for column in (measure, f"{measure}_std")]
COLUMNS += ["unaveraged_test_accuracy"]  # where runs are averages of weights
KINDS = {column: "str" if column in WORDS else "Int64" if column in INTEGERS else float for column in COLUMNS}
# At the end, where a study compares itself with published accuracies (kd.results.published).
PUBLISHED = dict.fromkeys(("published", "published_difference", "published_ci95"), float)
PUBLISHED |= dict.fromkeys(("published_within", "published_source"), "str")
KINDS |= PUBLISHED


def key_of(row: Any) -> tuple[str, str, str, str]:
    """What names a row, one of itertuples()."""
    return tuple(getattr(row, part) for part in KEY)


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write the table with eight significant digits; what is missing is an empty cell."""
    with atomic(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.8g", lineterminator="\n")


def read_table(path: Path) -> pd.DataFrame:
    """The table as written, so that writing it again gives the same bytes: words, Int64 and floats.

    An empty cell is "", <NA> or NaN; a network may be called "null" or "18". Raises UserError naming the file
    if it is not whole.
    """
    empty = {column: [""] for column, kind in KINDS.items() if kind != "str"}
    try:
        table = pd.read_csv(path, dtype=KINDS, keep_default_na=False, na_values=empty)
        return table[COLUMNS + [column for column in PUBLISHED if column in table]]
    except (OSError, ValueError, KeyError) as error:  # a ValueError is what pandas' own are
        raise not_whole(path, error) from error
