"""The diagnosis of one cell of a study, from the files of its runs: no network runs."""

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
    logits: Sequence[Path]  # of each seed
    baseline: Sequence[Path] = ()  # of the same student without a teacher, of each seed
    teacher: Path | None = None
    fidelity: Mapping[int, Any] | None = None  # by seed, on training images: what measure_fidelity wrote
    cka: Mapping[int, Any] | None = None  # by seed: what compare_feature_maps wrote

    def diagnosis(self) -> dict[str, Any]:
        """What diagnosis.json says. A run without test logits (the user gave none) is left out."""
        names = self.job.model_dump(include={"role", "name", "teacher", "method"})
        images = np.bincount(self.labels, minlength=len(self.classes)).tolist()
        opened = [self._open(path) for path in self.logits]
        runs = [self._run(place, logits) for place, logits in enumerate(opened) if logits is not None]
        return names | {"classes": list(self.classes), "class_images": images, "runs": runs}

    def _run(self, place: int, logits: np.ndarray) -> dict[str, Any]:
        """What is known of one seed."""
        seed = self.job.seeds[place]
        judged = judge(logits, self.labels)
        entropy = entropies(logits) if self._teacher_entropies is None else self._teacher_entropies
        chosen = choose_images(entropy, judged.losses)
        teacher = self._teacher_logits
        return {
            "seed": seed,
            **figures(judged),
            "worst": worst(judged, self.job.worst),
            "soft_targets": soft_targets(chosen, self.labels, logits, teacher, self.job.temperatures),
            "class_gain": self._gain(place, logits),
            "fidelity": self._fidelity(logits, self.fidelity[seed] if self.fidelity else None),
            "cka": self.cka[seed] if self.cka else None,
        }

    def _gain(self, place: int, logits: np.ndarray) -> list[float | None] | None:
        """Of each class, in percentage points over the baseline: the same student with the same seed."""
        alone = self._open(self.baseline[place]) if self.baseline else None
        if alone is None:
            return None
        both = [class_accuracy(predictions(one), self.labels, len(self.classes)) for one in (logits, alone)]
        return [None if now is None else now - then for now, then in zip(*both, strict=True)]

    def _fidelity(self, logits: np.ndarray, train: Mapping[str, float] | None) -> dict[str, Any] | None:
        test = None if self._teacher_logits is None else fidelity(logits, self._teacher_logits)
        return None if test is None and train is None else {"test": test, "train": train}

    @cached_property
    def _teacher_logits(self) -> np.ndarray | None:
        """The teacher's test logits (N, classes) float."""
        return None if self.teacher is None else self._open(self.teacher)

    @cached_property
    def _teacher_entropies(self) -> np.ndarray | None:
        """Of its probabilities of each test image, (N,) float64 in nats: the same for all its students."""
        return None if self._teacher_logits is None else entropies(self._teacher_logits)

    def _open(self, path: Path) -> np.ndarray | None:
        return open_logits(path, len(self.labels), len(self.classes))
