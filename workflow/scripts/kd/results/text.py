"""What a table of a study says, as the text of its cells and in a line below it."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
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
from kd.results.metrics import Metrics
from kd.results.published import text as published
from kd.roles import BASELINE_ROW, DISTILLED_STUDENT, MEAN, TEACHER

HEADINGS = {TEACHER: "Teachers", BASELINE_ROW: "Baselines"}
HEADINGS |= {DISTILLED_STUDENT: "Distilled students", MEAN: "Average over pairs"}
SELECTED = (
    "last: weights of the last epoch (all columns but one); selected: weights of the epoch that did best on "
    "the validation split."
)
LAST = (
    "No validation split: all training images train, and all measures are of the weights of the last epoch."
)
_LEGEND = (
    "Accuracy, agreement (share of test images on which student and teacher predict the same class) and "
    "ECE (expected calibration error) are in per cent; losses are cross-entropies in nats.",
    "Measures are means over the seeds; sd: sample standard deviation over the seeds.",
    "Gain: test accuracy of the distilled student minus that of its baseline, the same student trained with "
    "the same seed and without a teacher, in percentage points. Brackets: 95 % confidence interval "
    "(Student's t). ▲ and ▼ mark gains whose interval excludes 0 (above, below).",
    "Average over pairs: gains are first averaged over the teachers of each student and seed, because these "
    "share one baseline; the interval is over these n averages.",
    "{weights} The test set was not used for any choice.",
    "MACs: multiply-accumulate operations for one image. Time: of one run, evaluation included. "
    f"{DASH}: does not apply. A single seed has no sd and no interval.",
)
BY_VALIDATION = ("test accuracy, selected", "validation accuracy")  # columns
# Of the table "More metrics": the column of table.csv, and digits.
MORE = {
    "top-5 accuracy": ("top5_accuracy", 2),
    "balanced accuracy": ("balanced_accuracy", 2),
    "macro-F1": ("macro_f1", 2),
    "NLL": ("nll", 3),
    "ECE": ("ece", 2),
    "temperature": ("temperature", 2),
    "NLL, scaled": ("scaled_nll", 3),
    "ECE, scaled": ("scaled_ece", 2),
    "test accuracy without EMA": ("unaveraged_test_accuracy", 2),
}
_MORE_LEGEND = (
    "Of the test logits of the last epoch: means over the seeds, in per cent but for temperature and NLL, the"
    " mean cross-entropy in nats, which is the test loss.",
    "Balanced accuracy: the mean of the accuracies of the classes. Macro-F1: the mean of their F1 scores.",
)
_SCALED_LEGEND = (
    "Temperature: what the logits are divided by so that the NLL of the validation split is lowest"
    " (Guo et al. 2017). Scaled: after that division, which changes no prediction.",
    f"{DASH}: with one seed at least there is no temperature, because all validation images are predicted"
    " correctly or there are no validation logits.",
)
_EMA = (
    "With EMA a network is the average of its weights, and all measures but the accuracy without it are the"
    " average's.",
)
DIFFERENCE = (
    "Difference to best: the mean over the students and seeds that both have, in percentage points, with its"
    " 95 % interval, uncorrected. Significant: with the correction."
)


def selects(table: pd.DataFrame) -> bool:
    """Whether there was a validation split, by which an epoch was selected."""
    return bool(table["selected_test_accuracy"].notna().any())


def legend(table: pd.DataFrame) -> list[str]:
    """What the columns of the table mean."""
    weights = SELECTED if selects(table) else LAST
    return [sentence.replace("{weights}", weights) for sentence in _LEGEND] + published.legend(table)


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


def provenance(runs: Sequence[Metrics]) -> dict[str, str]:
    """Which devices, library versions and commits made the runs; more than one of a kind are all listed."""
    facts = {
        "devices": {run.device for run in runs},
        "versions": {f"{name} {version}" for run in runs for name, version in run.versions.items()},
        "commits": {run.commit for run in runs},
    }
    return {
        "runs": str(len(runs)),
        **{name: ", ".join(sorted(values)) for name, values in facts.items()},
        **_computed(runs),
    }


def _computed(runs: Sequence[Metrics]) -> dict[str, str]:
    """On which kinds of device, in which precision and by how many processes; a warning where that differs.

    A difference between two such runs is not that of their methods alone. The precision may differ between
    networks: on a CPU it is chosen by network.
    """
    runs = [run for run in runs if run.compute]
    kinds = Counter(_kind(run.compute) for run in runs)
    facts = {"computed on": "; ".join(sorted(kinds))} if kinds else {}
    by_network = defaultdict(set)
    for run in runs:
        by_network[run.role == TEACHER, run.name].add(_kind(run.compute))
    places = {_kind(run.compute | {"precision": ""}) for run in runs}
    if len(places) > 1 or any(len(own) > 1 for own in by_network.values()):
        counts = "; ".join(f"{count} on {kind}" for kind, count in sorted(kinds.items()))
        ranks = {run.compute.get("ranks", 1) for run in runs if run.compute}
        what = "device, precision or number of processes" if len(ranks) > 1 else "device or precision"
        facts["warning"] = f"runs of this table differ in {what} ({counts}), which moves results too"
    return facts


def _kind(compute: Mapping[str, Any]) -> str:
    ranks = compute.get("ranks", 1)
    together = f", {ranks} processes" if ranks > 1 else ""
    return f"{compute['device']}, {compute['precision']}{together}"


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


def more_columns(table: pd.DataFrame) -> list[str]:
    """The headings of the table "More metrics": those of MORE that are known of a row at least."""
    columns = {heading: column for heading, (column, _) in MORE.items()}
    known = [heading for heading, column in columns.items() if table[column].notna().any()]
    return known if set(known) - {"ECE"} else []


def more_legend(columns: Iterable[str]) -> list[str]:
    """What the columns of these headings mean."""
    parts = {"temperature": _SCALED_LEGEND, "test accuracy without EMA": _EMA}
    return [*_MORE_LEGEND, *(text for column, texts in parts.items() if column in columns for text in texts)]


def more_measures(row: Any, headings: Iterable[str]) -> dict[str, tuple[str, float]]:
    """The cells of a row of "More metrics" by these headings: the text, and the mean in it."""
    cells = {}
    for heading in headings:
        column, digits = MORE[heading]
        value = getattr(row, column)
        cells[heading] = with_sd(value, getattr(row, f"{column}_std", math.nan), digits), value
    return cells


def gain(row: Any) -> str:
    """`▲ +1.23 [0.83, 1.63]`: the mark is in front, so that the digits of a column stay in line."""
    return f"{verdict(row.gain, row.gain_ci95)} {with_interval(row.gain, row.gain_ci95)}".strip()


def _difference(row: Any) -> str:
    """How much lower than the best, as a negative number."""
    return with_interval(-row.difference, row.difference_ci95)
