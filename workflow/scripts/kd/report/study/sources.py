"""What a report is made of, and where the files of a study are."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from kd.report.html import linked
from kd.report.links import Links
from kd.results.latency import PYTORCH, milliseconds
from kd.results.metrics import Metrics
from kd.results.runs import Cell

Key = tuple[str, str, str, str]  # names a row of the table


@dataclass(frozen=True)
class Study:
    """All that a report is made of; paths are those of the files."""

    name: str
    folder: Path
    cells: Sequence[Cell]
    table: Path
    figures: Sequence[Path]
    latency: Path
    measured: Mapping[str, Any]  # what is in `latency`
    card: Path
    data: Mapping[str, Any]  # what is in `card`
    samples: bytes
    given: Path  # the config
    config: str  # what is in `given`
    settings: Mapping[str, Any]  # every key of the config, defaults included: config.resolved.yaml
    resolved: Path  # the file of `settings`
    command: str = ""  # that started Snakemake; empty where it is not known

    @cached_property
    def runs(self) -> list[Metrics]:
        """The metrics of every run."""
        return [run.metrics for cell in self.cells for run in cell.runs]

    @cached_property
    def links(self) -> Links:
        """The addresses of files."""
        return Links(self.folder)

    @cached_property
    def by_key(self) -> dict[Key, Cell]:
        """The cells by what names their rows of the table."""
        return {cell.key: cell for cell in self.cells}

    def accuracies(self, key: Key) -> dict[int | None, float]:
        """The test accuracy of each seed of a row, in per cent."""
        cell = self.by_key.get(key)
        runs = cell.runs if cell else ()
        return {run.metrics.seed: _number(run.metrics.test_accuracy) for run in runs}

    def size(self, key: Key) -> float:
        """The bytes of the weights of a row's network; NaN where there is no file of them."""
        cell = self.by_key.get(key)
        return _number(cell.runs[0].size) if cell else math.nan

    def time(self, key: Key, runtime: str = PYTORCH) -> float:
        """The latency of one image in the network of a row, in milliseconds; NaN where it is not known."""
        return milliseconds(self.measured, *key, runtime=runtime)

    def source(self, key: Key) -> str:
        """Where the numbers of a row come from: metrics.json of one run, the folder of several, the table."""
        cell = self.by_key.get(key)
        if cell is None:
            return self.links.to(self.table)
        return self.links.to(cell.runs[0].folder / "metrics.json" if len(cell.runs) == 1 else cell.folder)

    def page(self, key: Key) -> str:
        """The address of the error analysis of a row's network; empty where there is none."""
        cell = self.by_key.get(key)
        return self.links.page(cell) if cell else ""

    def analysed(self, text: str, key: Key) -> Markup:
        """Text that links to the error analysis of a row's network."""
        return linked(text, self.page(key))

    def anchor(self, key: Key) -> str:
        """The id of the row of a network in the matrix of runs."""
        return self.links.anchor(self.by_key[key].folder)

    def export_command(self, key: Key) -> str:
        """What exports a student, with the config that is kept beside its results; empty for other rows."""
        cell = self.by_key.get(key)
        if not cell or not (folder := self.links.export(cell)):
            return ""
        # The option comes last, because any number of files may follow it.
        return f"snakemake --cores 4 {folder}/README.md --configfile {self.given.as_posix()}"


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def address(anchor: str) -> str:
    """The address of an id within the page."""
    return f"#{quote(anchor)}"
