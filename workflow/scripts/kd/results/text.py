"""The table of kd.results.table as a Markdown page, and its cells as text."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from kd.results.data_card import data_lines
from kd.results.format import DASH, duration, number, percent, plus_minus, quantity, verdict
from kd.results.markdown import bullets, plain
from kd.results.metrics import Metrics
from kd.results.ranking import caution, rank, verdict_on
from kd.roles import DISTILLED_STUDENT, MEAN, STUDENT_ALONE, TEACHER

MANY = 8  # methods; of more each would drown in the others

HEADINGS = {TEACHER: "Teachers", STUDENT_ALONE: "Students alone"}
HEADINGS |= {DISTILLED_STUDENT: "Distilled students", MEAN: "Mean over pairs"}
LEGEND = (
    "Accuracy, agreement (share of test images on which student and teacher predict the same class) and "
    "ECE (expected calibration error) are in per cent; losses are cross-entropies in nats.",
    "Measures are means over the seeds; ± after an accuracy is the sample standard deviation over seeds.",
    "Gain: test accuracy of the distilled student minus that of the same student trained alone with the same "
    "seed, in percentage points; ± after a gain is the half-width of its 95 % Student-t interval. "
    "▲ and ▼ mark gains whose interval excludes 0 (above, below).",
    "Mean over pairs: gains are first averaged over the teachers of each student and seed, because these "
    "share one baseline; the interval is over these student-and-seed clusters.",
    "last: weights of the last epoch (all columns but one); selected: weights of the epoch that did best on "
    "the validation split. The test set chooses nothing.",
    "MACs: multiply-accumulate operations for one image. Time: of one run, evaluation included. "
    f"{DASH}: does not apply. With a single seed there is no ±.",
)

BEHIND = (
    "Behind the highest: the mean difference from it over the students and seeds that both have, in"
    " percentage points, ± the half-width of its 95 % interval, uncorrected. Told apart: with the correction."
)


def to_markdown(
    table: pd.DataFrame, study: str, runs: Iterable[Mapping[str, Any]], data: Mapping[str, Any] | None = None
) -> str:
    """The whole page as GitHub-flavoured Markdown, columns padded so that it reads well as plain text.

    `data` is the data set's card (see kd.results.data_card), whose picture is in data/ beside the page.
    """
    runs = list(runs)
    cells = [{"role": row.role} | names(row) | measures(row) for row in table.itertuples()]
    parts = [
        f"# Knowledge distillation: {plain(study)}",
        bullets(headlines(table)),
        _grid(list(cells[0]), [list(row.values()) for row in cells], left=4),
        bullets(LEGEND),
    ]
    ranked = rank(table, runs)
    if methods := ranking(ranked):
        rows = [list(row.values()) for row in methods]
        parts += ["## Methods, ranked", plain(verdict_of(table, ranked)), plain(BEHIND)]
        parts += [_grid(list(methods[0]), rows, left=1)]
    classic = seed_table(table)
    if len(classic.columns):
        rows = [[name, *classic.loc[name]] for name in classic.index]
        parts += ["## Teachers", _grid(["", *classic.columns], rows, left=1)]
    if data:
        parts += ["## Data", bullets(data_lines(data)), "![images of each class](data/samples.png)"]
    parts += ["## Provenance", bullets(f"{name}: {value}" for name, value in provenance(runs).items())]
    return "\n\n".join(filter(None, parts)) + "\n"


def headlines(table: pd.DataFrame) -> list[str]:
    """One sentence per method: its mean gain over all pairs; or one for all, if they are many."""
    means = table[table["role"] == MEAN]
    if len(means) > MANY:
        least, most = (
            plus_minus(end, math.nan, sign="+") for end in (means["gain"].min(), means["gain"].max())
        )
        return [
            f"{len(means)} methods, ranked below: mean gains from {least} to {most} percentage points over"
            " the same students trained alone"
        ]
    return [
        f"{row.method}: {_gain(row)} percentage points over the same students trained alone "
        f"(mean over {row.gain_n} student-and-seed cluster{'s' if row.gain_n > 1 else ''})"
        for row in means.itertuples()
    ]


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
            "mean gain": _gain(row),
            "behind the highest": plus_minus(row.behind, row.behind_ci95) if place else DASH,
            "told apart from it": ("yes" if row.apart else "no") if place else DASH,
            "pairs": str(row.pairs),
            "clusters": str(row.gain_n),
        }
        for place, row in enumerate(ranked.itertuples())
    ]


def verdict_of(table: pd.DataFrame, ranked: pd.DataFrame) -> str:
    """What the ranking of methods says in a sentence or two."""
    return f"{verdict_on(ranked)} {caution(table)}".strip()


def provenance(runs: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Which devices, library versions and commits made the runs; more than one of a kind are all listed."""
    runs = [Metrics.model_validate(run) for run in runs]
    facts = {
        "devices": {run.device for run in runs},
        "versions": {f"{name} {version}" for run in runs for name, version in run.versions.items()},
        "commits": {run.commit for run in runs},
    }
    return {"runs": str(len(runs))} | {name: ", ".join(sorted(values)) for name, values in facts.items()}


def names(row: Any) -> dict[str, str]:
    """What says which row this is."""
    return {"network": row.name or "all", "teacher": row.teacher or DASH, "method": row.method or DASH}


def measures(row: Any) -> dict[str, str]:
    """The cells of a row by their headings, the most wanted first."""
    return {
        "test accuracy, last": plus_minus(row.test_accuracy, row.test_accuracy_std),
        "gain": _gain(row),
        "test accuracy, selected": plus_minus(row.selected_test_accuracy, row.selected_test_accuracy_std),
        "validation accuracy": number(row.validation_accuracy),
        "agreement": number(row.agreement),
        "ECE": number(row.ece),
        "train accuracy": number(row.train_accuracy),
        "train loss": number(row.train_loss, 3),
        "test loss": number(row.test_loss, 3),
        "parameters": quantity(row.parameters, 4),
        "MACs": quantity(row.macs, 3),
        "seeds": str(row.seeds),
        "epochs": number(row.epochs, 0),
        "time": duration(row.seconds),
        "loss function": row.loss_function or DASH,
    }


def _gain(row: Any) -> str:
    """`▲ +1.23 ± 0.40`: the mark stands in front, so that the digits of a column stay in line."""
    return f"{verdict(row.gain, row.gain_ci95)} {plus_minus(row.gain, row.gain_ci95, '+')}".strip()


def _grid(header: list[str], rows: list[list[str]], left: int) -> str:
    """A Markdown table with its first `left` columns to the left and the others to the right."""
    lines = [[plain(cell) for cell in line] for line in [header, *rows]]
    widths = [max(3, *map(len, column)) for column in zip(*lines, strict=True)]
    rule = ["-" * width if i < left else "-" * (width - 1) + ":" for i, width in enumerate(widths)]
    return "\n".join(_line(cells, widths, left) for cells in [lines[0], rule, *lines[1:]])


def _line(cells: list[str], widths: list[int], left: int) -> str:
    pairs = enumerate(zip(cells, widths, strict=True))
    padded = (cell.ljust(width) if i < left else cell.rjust(width) for i, (cell, width) in pairs)
    return "| " + " | ".join(padded) + " |"
