"""Where the files of a study lie, as seen from one of its pages."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from kd.results.runs import Cell


@dataclass(frozen=True)
class Links:
    """Addresses of files, relative to the folder of a page; that of the report is the folder of the study."""

    folder: Path

    def to(self, path: Path) -> str:
        """The address of a file or folder."""
        return quote(self.anchor(path))

    def existing(self, paths: Mapping[str, Path]) -> dict[str, str]:
        """The addresses of those that are there, by what they are."""
        return {what: self.to(path) for what, path in paths.items() if path.exists()}

    def anchor(self, folder: Path) -> str:
        """The id that the section of a run or cell has in the page."""
        return Path(os.path.relpath(folder, self.folder)).as_posix()

    def page(self, cell: Cell) -> str:
        """The error analysis of a cell; empty where there is none."""
        page = cell.folder / "diagnosis.html"
        return self.to(page) if page.exists() else ""

    def export(self, cell: Cell) -> str:
        """The folder of an exported student, as Snakemake is asked for it; empty for other networks."""
        kind, *rest = Path(self.anchor(cell.folder)).parts
        return self.folder.joinpath("export", *rest).as_posix() if kind == "distilled" else ""
