"""The epochs of a run, as its history.csv has them."""

from pathlib import Path

import pandas as pd

from kd.errors import UserError


def read_history(path: Path) -> pd.DataFrame:
    """The epochs of a history.csv and the validation accuracy after each; UserError if it is not whole."""
    try:
        return pd.read_csv(path)[["epoch", "validation_accuracy"]]
    except (OSError, ValueError, KeyError) as error:  # a ValueError is what pandas' own are
        raise UserError(f"{path}: not whole ({error}); delete it to have it made again") from error
