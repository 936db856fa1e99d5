"""What a study left of its runs, and the files that it is in."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kd.io.files import read_json
from kd.results.metrics import Metrics, read_metrics
from kd.roles import ROLES, TEACHER

SCALED = "scaled_"  # by the temperature
# Measures of the logits, as a diagnosis.json has them.
DIAGNOSED = ["top5_accuracy", "balanced_accuracy", "macro_f1", "nll"]
DIAGNOSED += ["temperature", f"{SCALED}nll", f"{SCALED}ece"]
DIAGNOSED += ["rejection_threshold", "coverage", "accepted_accuracy"]


@dataclass(frozen=True)
class Run:
    """One run: its folder, and what is in it."""

    folder: Path
    metrics: Metrics
    diagnosis: Mapping[str, Any] | None = None

    @property
    def size(self) -> int | None:
        """Bytes of its weights; None where there is no file of them."""
        weights = self.folder / "model.safetensors"
        return weights.stat().st_size if weights.is_file() else None

    @property
    def diagnosed(self) -> dict[str, float | None]:
        """What was computed of its logits, by the names of the columns of the table; None if it is not known.

        Accuracies, F1, calibration error and coverage are in per cent, NLL in nats. Without a temperature
        nothing is scaled. Coverage and accepted accuracy are of the test images at or above the threshold.
        """
        known = self.diagnosis or {}
        calibrated = known.get("calibrated") or {}
        accepted = calibrated.get("test") or {}
        scaled = [name for name in DIAGNOSED if name.startswith(SCALED)]
        return {
            **{name: known.get(name) for name in DIAGNOSED},
            **{name: calibrated.get(name.removeprefix(SCALED)) for name in scaled},
            "temperature": calibrated.get("temperature"),
            "rejection_threshold": calibrated.get("threshold"),
            "coverage": accepted.get("coverage"),
            "accepted_accuracy": accepted.get("accuracy"),
        }


@dataclass(frozen=True)
class Cell:
    """The runs that differ in nothing but the seed."""

    folder: Path
    runs: Sequence[Run]
    classes: Sequence[str] = ()  # known where there is a diagnosis

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What names its row of the table: role, name, teacher and method."""
        metrics = self.runs[0].metrics
        return (ROLES[metrics.role], metrics.name, metrics.teacher or "", metrics.method or "")


def read_cells(metrics: Iterable[Path], diagnoses: Iterable[Path] = ()) -> list[Cell]:
    """The cells of a study in the order of their first runs.

    A diagnosis.json belongs to all runs in its folder or below.
    Raises UserError, which names the file, for one that is not whole.
    """
    by_cell = {path.parent: read_json(path) for path in diagnoses}
    runs: dict[Path, list[Run]] = {}
    for path in metrics:
        run, folder = read_metrics(path), path.parent
        cell = folder if run.role == TEACHER else folder.parent
        diagnosed = by_cell.get(cell, {"runs": []})["runs"]
        diagnosis = next((part for part in diagnosed if part["seed"] == run.seed), None)
        runs.setdefault(cell, []).append(Run(folder, run, diagnosis))
    return [Cell(folder, some, by_cell.get(folder, {}).get("classes", ())) for folder, some in runs.items()]
