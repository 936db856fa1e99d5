"""What a report is made of, and the file that each of its numbers came from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from kd.report.html import linked
from kd.report.links import Links
from kd.results.format import number
from kd.results.latency import milliseconds
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

    @property
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

    def source(self, key: Key) -> str:
        """The metrics.json of a row that is one run; the table of a row that is a mean over several."""
        cell = self.by_key.get(key)
        single = cell is not None and len(cell.runs) == 1
        return self.links.to(cell.runs[0].folder / "metrics.json" if single else self.table)

    def time(self, key: Key) -> tuple[str, str, float]:
        """The latency of the network of a row in milliseconds: as text, its source, and the number."""
        value = milliseconds(self.measured, *key)
        return number(value, 3), self.links.to(self.latency), value

    def section(self, key: Key | None) -> str:
        """The address of the section of a row's runs, empty for an average over pairs, which has none."""
        cell = self.by_key.get(key)
        return f"#{quote(self.links.anchor(cell.folder))}" if cell else ""

    def linked(self, text: str, key: Key) -> Markup:
        """Text that leads to the section of a row's runs."""
        return linked(text, self.section(key))
