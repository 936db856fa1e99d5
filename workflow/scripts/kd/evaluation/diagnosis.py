"""The diagnosis of one cell, of what its runs left behind: no network runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from kd.evaluation.classification import class_accuracy, figures, judge, worst
from kd.evaluation.fidelity import fidelity
from kd.evaluation.logits import entropies, open_logits, predictions
from kd.evaluation.soft_targets import choose_images, soft_targets
from kd.jobs.diagnosis import DiagnosisJob


@dataclass(frozen=True)
class Cell:
    """What is known of a cell. Files are test logits, and opened when they are needed.

    Raises UserError naming the file that is not whole.
    """

    job: DiagnosisJob
    labels: np.ndarray  # (N,) int64, of the test split
    classes: Sequence[str]
    own: Sequence[Path]  # of each seed
    alone: Sequence[Path] = ()  # of the same student without a teacher, of each seed
    teacher: Path | None = None
    faithful: Mapping[int, Any] | None = None  # by seed, on training images: what measure_fidelity found
    alike: Mapping[int, Any] | None = None  # by seed: what compare_feature_maps found

    def diagnosis(self) -> dict[str, Any]:
        """What diagnosis.json says. A run without test logits (none were given) is left out."""
        job = self.job
        names = {"role": job.role, "name": job.name, "teacher": job.teacher, "method": job.method}
        images = np.bincount(self.labels, minlength=len(self.classes)).tolist()
        logits = [self._opened(path) for path in self.own]
        runs = [self._run(place, own) for place, own in enumerate(logits) if own is not None]
        return names | {"classes": list(self.classes), "class_images": images, "runs": runs}

    def _run(self, place: int, own: np.ndarray) -> dict[str, Any]:
        """What is known of one seed."""
        seed = self.job.seeds[place]
        judged = judge(own, self.labels)
        chosen = choose_images(entropies(own) if self._doubts is None else self._doubts, judged.losses)
        return (
            {"seed": seed}
            | figures(judged)
            | {
                "worst": worst(judged, self.job.worst),
                "soft_targets": soft_targets(chosen, self.labels, own, self._taught, self.job.temperatures),
                "class_gain": self._gain(place, own),
                "fidelity": self._fidelity(own, self.faithful[seed] if self.faithful else None),
                "cka": self.alike[seed] if self.alike else None,
            }
        )

    def _gain(self, place: int, own: np.ndarray) -> list[float | None] | None:
        """Of each class, in percentage points over the same student with the same seed alone."""
        alone = self._opened(self.alone[place]) if self.alone else None
        if alone is None:
            return None
        after, before = (
            class_accuracy(predictions(logits), self.labels, len(self.classes)) for logits in (own, alone)
        )
        return [None if now is None else now - then for now, then in zip(after, before, strict=True)]

    def _fidelity(self, own: np.ndarray, train: Mapping[str, float] | None) -> dict[str, Any] | None:
        test = None if self._taught is None else fidelity(own, self._taught)
        return None if test is None and train is None else {"test": test, "train": train}

    @cached_property
    def _taught(self) -> np.ndarray | None:
        """The teacher's test logits (N, classes) float."""
        return None if self.teacher is None else self._opened(self.teacher)

    @cached_property
    def _doubts(self) -> np.ndarray | None:
        """How unsure the teacher is of each test image, (N,) float64: the same for all its students."""
        return None if self._taught is None else entropies(self._taught)

    def _opened(self, path: Path) -> np.ndarray | None:
        return open_logits(path, len(self.labels), len(self.classes))
