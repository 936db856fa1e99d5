"""Where the files of a study lie, as seen from one of its pages."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from kd.results.runs import Cell, Run

OF_A_RUN = {
    "weights": "model.safetensors",
    "metrics": "metrics.json",
    "history": "history.csv",
    "test logits": "test_logits.npy",
    "TensorBoard events": "tensorboard",
}
OF_A_CELL = {"diagnosis, with pictures": "diagnosis.html", "diagnosis, numbers": "diagnosis.json"}
# The rules that make what is in a folder of a study; the log of one of them is there.
_MADE_BY = {
    "teachers": ("train_teacher", "import_weights", "build_ensemble", "import_logits"),
    "alone": ("train_baseline",),
    "distilled": ("distill_student",),
}


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

    def files(self, run: Run) -> dict[str, str]:
        """The files of a run that are there, and its log: what they are, and their addresses."""
        paths = {what: run.folder / name for what, name in OF_A_RUN.items()}
        kind, *rest = Path(self.anchor(run.folder)).parts
        for rule in _MADE_BY.get(kind, ()):
            paths[f"log of {rule}"] = self.folder.joinpath("logs", rule, *rest[:-1], f"{rest[-1]}.log")
        return self.existing(paths)

    def pages(self, cell: Cell) -> dict[str, str]:
        """What the diagnosis of a cell wrote, of what is there."""
        return self.existing({what: cell.folder / name for what, name in OF_A_CELL.items()})

    def export(self, cell: Cell) -> str:
        """The folder of an exported student, as Snakemake is asked for it; empty for other networks."""
        kind, *rest = Path(self.anchor(cell.folder)).parts
        return self.folder.joinpath("export", *rest).as_posix() if kind == "distilled" else ""
