"""The table "More metrics": its columns, cells and legend."""

import math
from collections.abc import Iterable
from typing import Any

import pandas as pd

from kd.results.format import DASH, with_sd

# By heading: the column of table.csv, and digits.
MORE = {
    "top-5 accuracy": ("top5_accuracy", 2),
    "balanced accuracy": ("balanced_accuracy", 2),
    "macro-F1": ("macro_f1", 2),
    "NLL": ("nll", 3),
    "ECE": ("ece", 2),
    "temperature": ("temperature", 2),
    "NLL, scaled": ("scaled_nll", 3),
    "ECE, scaled": ("scaled_ece", 2),
    "rejection threshold": ("rejection_threshold", 3),
    "coverage": ("coverage", 2),
    "accuracy above it": ("accepted_accuracy", 2),
    "test accuracy without EMA": ("unaveraged_test_accuracy", 2),
}
_MORE_LEGEND = (
    "Of the test logits of the last epoch: means over the seeds, in per cent but for temperature, threshold"
    " and NLL, the mean cross-entropy in nats, which is the test loss.",
    "Balanced accuracy: the mean of the accuracies of the classes. Macro-F1: the mean of their F1 scores.",
)
_SCALED_LEGEND = (
    "Temperature: what the logits are divided by so that the NLL of the validation split is lowest"
    " (Guo et al. 2017). Scaled: after that division, which changes no prediction.",
    f"{DASH}: with one seed at least there is no temperature, because all validation images are predicted"
    " correctly or there are no validation logits.",
)
_REJECTED = (
    "Rejection threshold: the confidence, after scaling, from which on validation predictions have the"
    " accuracy of diagnostics.target_accuracy (Geifman & El-Yaniv 2017). Coverage: the share of test images"
    " at or above it, with their accuracy."
    f" {DASH}: with one seed at least no threshold reaches it, or no image is above it.",
)
_EMA = (
    "With EMA a network is the average of its weights, and all measures but the accuracy without it are the"
    " average's.",
)


def more_columns(table: pd.DataFrame) -> list[str]:
    """The headings of the table "More metrics": those of MORE that are known of a row at least."""
    columns = {heading: column for heading, (column, _) in MORE.items()}
    known = [heading for heading, column in columns.items() if table[column].notna().any()]
    return known if set(known) - {"ECE"} else []


def more_legend(columns: Iterable[str]) -> list[str]:
    """What the columns of these headings mean."""
    parts = {
        "temperature": _SCALED_LEGEND,
        "rejection threshold": _REJECTED,
        "test accuracy without EMA": _EMA,
    }
    return [*_MORE_LEGEND, *(text for column, texts in parts.items() if column in columns for text in texts)]


def more_measures(row: Any, headings: Iterable[str]) -> dict[str, tuple[str, float]]:
    """The cells of a row of "More metrics" by these headings: the text, and the mean in it."""
    cells = {}
    for heading in headings:
        column, digits = MORE[heading]
        value = getattr(row, column)
        cells[heading] = with_sd(value, getattr(row, f"{column}_std", math.nan), digits), value
    return cells
