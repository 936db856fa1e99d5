"""The diagnosis of one cell of a study, from the files of its runs: no network runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from kd.evaluation.calibration import calibrate
from kd.evaluation.changes import MOST, changes
from kd.evaluation.classification import Judged, class_accuracy, confusion_change, figures, judge, worst
from kd.evaluation.fidelity import fidelity
from kd.evaluation.logits import entropies, open_logits, predictions
from kd.evaluation.soft_targets import choose_images, soft_targets
from kd.jobs.diagnosis import DiagnosisJob


@dataclass(frozen=True)
class Cell:
    """What is known of a cell. Files are logits, if not named otherwise of the test split.

    They are opened when they are needed. Raises UserError naming the file that is not whole.
    """

    job: DiagnosisJob
    labels: np.ndarray  # (N,) int64, of the test split
    classes: Sequence[str]
    logits: Sequence[Path]  # of each seed
    validation_labels: np.ndarray  # (N,) int64; none without a validation split
    validation: Sequence[Path]  # logits of each seed
    baseline: Sequence[Path] = ()  # of the same student without a teacher, of each seed
    teacher: Path | None = None
    fidelity: Mapping[int, Any] | None = None  # by seed, on training images: what measure_fidelity wrote
    cka: Mapping[int, Any] | None = None  # by seed: what compare_feature_maps wrote

    def diagnosis(self) -> dict[str, Any]:
        """What diagnosis.json says. A run without test logits (the user gave none) is left out."""
        names = self.job.model_dump(include={"role", "name", "teacher", "method"})
        images = np.bincount(self.labels, minlength=len(self.classes)).tolist()
        opened = [self._open(path) for path in self.logits]
        known = {place: logits for place, logits in enumerate(opened) if logits is not None}
        judged = {place: judge(logits, self.labels) for place, logits in known.items()}
        before = [predictions(self._open(path)) for path in self.baseline]
        runs = [
            self._run(place, known[place], one, before[place] if before else None)
            for place, one in judged.items()
        ]
        predicted, most = [one.predicted for one in judged.values()], min(MOST, self.job.worst)
        changed = changes(self.labels, predicted, before, most) if before else None
        about = {"classes": list(self.classes), "class_images": images}
        about |= {"validation_images": len(self.validation_labels)}
        return names | about | {"changes": changed, "runs": runs}

    def _run(
        self, place: int, logits: np.ndarray, judged: Judged, before: np.ndarray | None
    ) -> dict[str, Any]:
        """What is known of one seed; `before` are the predictions of the baseline."""
        seed = self.job.seeds[place]
        entropy = entropies(logits) if self._teacher_entropies is None else self._teacher_entropies
        chosen = choose_images(entropy, judged.losses)
        teacher = self._teacher_logits
        return {
            "seed": seed,
            **figures(judged),
            "calibrated": self._calibrated(place, logits),
            "worst": worst(judged, self.job.worst),
            "soft_targets": soft_targets(chosen, self.labels, logits, teacher, self.job.temperatures),
            **self._gains(judged, before),
            "fidelity": self._fidelity(logits, self.fidelity[seed] if self.fidelity else None),
            "cka": self.cka[seed] if self.cka else None,
        }

    def _calibrated(self, place: int, logits: np.ndarray) -> dict[str, Any] | None:
        """Temperature scaling and a threshold; null without logits of validation images."""
        path, labels = self.validation[place], self.validation_labels
        validation = open_logits(path, len(labels), len(self.classes))
        if validation is None:
            return None
        return calibrate(validation, labels, logits, self.labels, self.job.target_accuracy)

    def _gains(self, judged: Judged, before: np.ndarray | None) -> dict[str, Any]:
        """Over the baseline, the same student with the same seed; null where there is none.

        `gain` is that of all images in percentage points, `class_gain` of those of each class, and
        `confusion_change` the change of the confusion matrix in images.
        """
        if before is None:
            return dict.fromkeys(("gain", "class_gain", "confusion_change"))
        both = [class_accuracy(one, self.labels, len(self.classes)) for one in (judged.predicted, before)]
        by_class = [None if now is None else now - then for now, then in zip(*both, strict=True)]
        gain = 100 * float(judged.right.mean() - (before == self.labels).mean())
        return {"gain": gain, "class_gain": by_class, "confusion_change": confusion_change(judged, before)}

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
