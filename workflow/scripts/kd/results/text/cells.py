"""The cells of the tables of a study, as text."""

from typing import Any

import pandas as pd

from kd.results.format import (
    DASH,
    count,
    duration,
    number,
    percent,
    quantity,
    verdict,
    with_interval,
    with_sd,
)
from kd.results.published import text as published
from kd.roles import BASELINE_ROW, DISTILLED_STUDENT, MEAN, TEACHER

HEADINGS = {TEACHER: "Teachers", BASELINE_ROW: "Baselines"}
HEADINGS |= {DISTILLED_STUDENT: "Distilled students", MEAN: "Average over pairs"}
BY_VALIDATION = ("test accuracy, selected", "validation accuracy")  # columns


def seed_table(table: pd.DataFrame) -> pd.DataFrame:
    """The classic table: a column per teacher; how it was trained, how well it does, and how long it took.

    All cells are text, and none is empty.
    """
    teachers = table[table["role"] == TEACHER].set_index("name")
    rows = {
        "epochs": teachers["epochs"].map(lambda epochs: number(epochs, 0)),
        "loss function": teachers["loss_function"],
        "train loss": teachers["train_loss"].map(lambda loss: number(loss, 3)),
        "train accuracy": teachers["train_accuracy"].map(percent),
        "test loss": teachers["test_loss"].map(lambda loss: number(loss, 3)),
        "test accuracy": teachers["test_accuracy"].map(percent),
        "time taken": teachers["seconds"].map(duration),
    }
    return pd.DataFrame(rows, dtype=object).T.rename_axis(index=None, columns=None)


def ranking(ranked: pd.DataFrame) -> list[dict[str, str]]:
    """The cells of the ranked methods by their headings, if there are several to rank."""
    if len(ranked) < 2:
        return []
    return [
        {
            "method": row.method,
            "average gain": gain(row),
            "difference to best": _difference(row) if place else DASH,
            "significant": ("yes" if row.significant else "no") if place else DASH,
            "pairs": str(row.pairs),
            "n (student × seed)": str(row.gain_n),
        }
        for place, row in enumerate(ranked.itertuples())
    ]


def names(row: Any) -> dict[str, str]:
    """What says which row this is."""
    return {"network": row.name or "all", "teacher": row.teacher or DASH, "method": row.method or DASH}


def measures(row: Any, selected: bool) -> dict[str, str]:
    """The cells of a row by their headings, the most wanted first; `selected`: an epoch was selected."""
    cells = {
        "test accuracy, last": with_sd(row.test_accuracy, row.test_accuracy_std),
        "gain": gain(row),
        **published.cells(row),
        "test accuracy, selected": with_sd(row.selected_test_accuracy, row.selected_test_accuracy_std),
        "validation accuracy": number(row.validation_accuracy),
        "agreement": number(row.agreement),
        "ECE": number(row.ece),
        "train accuracy": number(row.train_accuracy),
        "train loss": number(row.train_loss, 3),
        "test loss": number(row.test_loss, 3),
        "parameters": count(row.parameters),
        "MACs": quantity(row.macs, 3),
        "seeds": str(row.seeds),
        "epochs": number(row.epochs, 0),
        "time": duration(row.seconds),
        "loss function": row.loss_function or DASH,
    }
    return {name: text for name, text in cells.items() if selected or name not in BY_VALIDATION}


def gain(row: Any) -> str:
    """`▲ +1.23 [0.83, 1.63]`: the mark is in front, so that the digits of a column stay in line."""
    return f"{verdict(row.gain, row.gain_ci95)} {with_interval(row.gain, row.gain_ci95)}".strip()


def _difference(row: Any) -> str:
    """How much lower than the best, as a negative number."""
    return with_interval(-row.difference, row.difference_ci95)
