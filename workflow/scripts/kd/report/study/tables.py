"""The tables of the report: every number with the file that it came from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from kd.report.links import Links
from kd.results.format import DASH, duration, number, percent, plus_minus, quantity, signed, verdict
from kd.results.latency import milliseconds
from kd.results.runs import Cell, Run
from kd.results.text import HEADINGS, measures, names, seed_table
from kd.roles import TEACHER

Key = tuple[str, str, str, str]


@dataclass(frozen=True)
class Number:
    """A number as it is shown, where it came from, and, in a table to be sorted, what it is sorted by."""

    text: str
    href: str = ""
    value: float | None = None

    @property
    def mark(self) -> str:
        """How it is to look."""
        return {"▲": "better", "▼": "worse", DASH: "quiet"}.get(self.text[:1], "")


@dataclass(frozen=True)
class Sources:
    """Where the numbers of a study came from."""

    links: Links
    table: str
    latency: str
    measured: Mapping[str, Any]  # what a latency.json holds
    by_key: Mapping[Key, Cell]

    def of(self, key: Key) -> str:
        """The metrics.json of a row that is one run; the table of a row that is a mean over several."""
        cell = self.by_key.get(key)
        if cell is None or len(cell.runs) > 1:
            return self.table
        return self.links.to(cell.runs[0].folder / "metrics.json")

    def time(self, key: Key) -> Number:
        """The latency of the network of a row in milliseconds."""
        role, name, teacher, method = key
        value = milliseconds(self.measured, role, name, teacher, method)
        return _number(number(value, 3), self.latency, value)

    def anchor(self, key: Key) -> str:
        """The id of the section of a row's runs, empty for an average over pairs."""
        cell = self.by_key.get(key)
        return self.links.anchor(cell.folder) if cell else ""


# Columns of the ranked table: what they are called, and whether they hold words.
RANKED = {"student": True, "teacher": True, "method": True, "gain": False, "95 % interval": False}
RANKED |= {"test accuracy": False, "agreement": False, "calibration error": False, "parameters": False}
RANKED |= {"MACs": False, "latency": False, "seconds": False}


def ranked_rows(pairs: pd.DataFrame, sources: Sources) -> list[tuple[str, list[Number]]]:
    """Distilled students in the order of kd.results.ranking: of each row the id of its runs, and its cells.

    The cells are in the order of RANKED.
    """
    return [(sources.anchor(key_of(row)), _ranked(row, sources)) for row in pairs.itertuples()]


def _ranked(row: Any, sources: Sources) -> list[Number]:
    mean = sources.of(key_of(row))
    low, high = (signed(row.gain + sign * row.gain_ci95) for sign in (-1, 1))
    interval = DASH if pd.isna(row.gain_ci95) else f"{low} to {high}"
    gain = f"{verdict(row.gain, row.gain_ci95)} {signed(row.gain)}".strip()
    return [
        *(Number(text) for text in (row.name, row.teacher, row.method)),
        _number(gain, sources.table, row.gain),
        _number(interval, sources.table, row.gain - row.gain_ci95),
        _number(plus_minus(row.test_accuracy, row.test_accuracy_std), mean, row.test_accuracy),
        _number(number(row.agreement), mean, row.agreement),
        _number(number(row.ece), mean, row.ece),
        _number(quantity(row.parameters, 4), mean, row.parameters),
        _number(quantity(row.macs, 3), mean, row.macs),
        sources.time(key_of(row)),
        _number(duration(row.seconds), mean, row.seconds),
    ]


def _number(text: str, href: str, value: float | None) -> Number:
    """A dash came from nowhere, and has no place in an order."""
    return Number(text) if text == DASH else Number(text, href, float(value))


def teacher_rows(table: pd.DataFrame, sources: Sources) -> tuple[dict[str, str], dict[str, list[Number]]]:
    """The seed's table: the teachers with the ids of their runs, and each line with a number per teacher."""
    classic = seed_table(table)
    keys = {name: (TEACHER, name, "", "") for name in classic.columns}
    lines = {
        line: [Number(text, sources.of(keys[name])) for name, text in cells.items()]
        for line, cells in classic.iterrows()
    }
    return {name: sources.anchor(key) for name, key in keys.items()}, lines


def all_rows(
    table: pd.DataFrame, sources: Sources
) -> list[tuple[str, list[tuple[str, str, str, list[Number]]]]]:
    """Everything measured, by role; of each row its network, its origin, the id of its runs, its cells."""
    return [
        (HEADINGS[role], [_full(row, sources) for row in rows.itertuples()])
        for role, rows in table.groupby("role", sort=False)
    ]


def _full(row: Any, sources: Sources) -> tuple[str, str, str, list[Number]]:
    named, href = names(row), sources.of(key_of(row))
    parts = [part for part in (named["method"], named["teacher"]) if part != DASH]
    cells = [Number(text, "" if text == DASH else href) for text in measures(row).values()]
    return named["network"], " from ".join(parts), sources.anchor(key_of(row)), cells


def key_of(row: Any) -> Key:
    """What names a row of the table."""
    return (row.role, row.name, row.teacher, row.method)


# Of two names of the same number, the one that is left out where the other is there.
_DUPLICATE_OF = {"negative log-likelihood": "test loss", "agreement": "agreement, test images"}


def run_numbers(cell: Cell, run: Run, baseline: Run | None, sources: Sources) -> dict[str, list[Number]]:
    """The numbers of one run by what they are; a gain stands with the two accuracies that it comes from."""
    metrics, links = run.metrics, sources.links
    mine = links.to(run.folder / "metrics.json")
    last, selected = percent(metrics.test_accuracy), percent(metrics.selected_test_accuracy)
    numbers = {"test accuracy, last epoch": [Number(last, mine)]}
    if baseline:
        before = percent(baseline.metrics.test_accuracy)
        gain = metrics.test_accuracy - baseline.metrics.test_accuracy
        numbers["gain"] = [Number(f"{signed(gain)} points, from", mine)]
        numbers["gain"].append(Number(before, links.to(baseline.folder / "metrics.json")))
    numbers |= {
        f"test accuracy, epoch {metrics.selected_epoch} (selected)": [Number(selected, mine)],
        "validation accuracy": [Number(percent(metrics.validation_accuracy), mine)],
        "train accuracy": [Number(percent(metrics.train_accuracy), mine)],
        "test loss": [Number(number(metrics.test_loss, 3), mine)],
        "train loss": [Number(number(metrics.train_loss, 3), mine)],
        "agreement": [Number(percent(metrics.agreement), mine)],
        "calibration error (ECE)": [Number(percent(metrics.ece), mine)],
        "parameters": [Number(quantity(metrics.parameters, 4), mine)],
        "MACs": [Number(quantity(metrics.macs, 3), mine)],
        "epochs": [Number(number(metrics.epochs, 0), mine)],
        "time": [Number(duration(metrics.seconds), mine)],
    }
    if run.diagnosis:
        numbers |= _diagnosed(run.diagnosis, links.to(cell.folder / "diagnosis.json"))
    known = {what: some for what, some in numbers.items() if some[0].text != DASH}
    return {what: some for what, some in known.items() if _DUPLICATE_OF.get(what) not in known}


def _diagnosed(diagnosis: Mapping[str, Any], href: str) -> dict[str, list[Number]]:
    """What the diagnosis of a run adds."""
    shown = {
        "negative log-likelihood": number(diagnosis["nll"], 3),
        "Brier score": number(diagnosis["brier"], 4),
        f"mean loss (correct, {diagnosis['correct']:,} images)": number(diagnosis["loss_correct"], 3),
        f"mean loss (wrong, {diagnosis['wrong']:,} images)": number(diagnosis["loss_wrong"], 3),
    }
    for split, fidelity in (diagnosis["fidelity"] or {}).items():
        if fidelity:
            shown[f"agreement, {split} images"] = percent(fidelity["agreement"])
            shown[f"KL from the teacher, {split} images"] = f"{number(fidelity['kl'], 4)} nats"
    return {what: [Number(text, href)] for what, text in shown.items()}
