"""The diagnosis of one cell: everything that is known of it, and what its runs have in common."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kd.checkpoint import load_network
from kd.data import Dataset
from kd.diagnosis.fidelity import fidelity, fidelity_on
from kd.diagnosis.job import DiagnosisJob
from kd.diagnosis.logits import entropies, open_logits, predictions
from kd.diagnosis.similarity import stage_similarities
from kd.diagnosis.soft_targets import choose_images, soft_targets
from kd.diagnosis.truth import class_accuracy, figures, judge, worst
from kd.splits import labelled


@dataclass(frozen=True)
class Taught:
    """What the teacher of a cell left behind; None of what it has not."""

    test: np.ndarray | None = None  # (N, classes) float, its test logits
    train: np.ndarray | None = None  # (M, classes) float, of the training images as they are
    model: Path | None = None

    @property
    def anything(self) -> bool:
        """Whether there is something that a student could be compared with."""
        return self.test is not None or self.train is not None


def diagnose(
    job: DiagnosisJob,
    data: Dataset[Tensor],
    logits: Sequence[Path],
    models: Sequence[Path],
    alone: Sequence[Path],
    taught: Taught,
    where: torch.device,
    stream: str,
) -> dict[str, Any]:
    """What diagnosis.json says: `logits`, `models` and `alone` are of each seed.

    `alone`: the test logits of the same student without a teacher. A run without test logits (a teacher of
    which none were given) is left out. Raises UserError naming the file that is not whole.
    """
    samples, classes = len(data.test_labels), len(data.classes)
    entropy = None if taught.test is None else entropies(taught.test)
    runs = []
    for number, (seed, path) in enumerate(zip(job.seeds, logits, strict=True)):
        own = open_logits(path, samples, classes)
        if own is None:
            continue
        run = {"seed": seed} | _answers(job, own, data.test_labels.numpy(), taught.test, entropy)
        base = open_logits(alone[number], samples, classes) if alone else None
        run["class_gain"] = None if base is None else _gain(run["class_accuracy"], base, data)
        compared = {"fidelity": None, "cka": None}
        if taught.anything:
            compared = _compared(job, data, own, models[number], taught, where, stream)
        runs.append(run | compared)
    names = {"role": job.role, "name": job.name, "teacher": job.teacher, "method": job.method}
    return names | {"classes": list(data.classes), "runs": runs}


def _answers(
    job: DiagnosisJob,
    own: np.ndarray,
    labels: np.ndarray,
    teacher: np.ndarray | None,
    entropy: np.ndarray | None,
) -> dict[str, Any]:
    """What the stored test logits of one run tell."""
    judged = judge(own, labels)
    chosen = choose_images(entropies(own) if entropy is None else entropy, judged.losses)
    return figures(judged) | {
        "worst": worst(judged, job.worst),
        "soft_targets": soft_targets(chosen, labels, own, teacher, job.temperatures),
    }


def _gain(accuracies: list[float | None], alone: np.ndarray, data: Dataset[Tensor]) -> list[float | None]:
    """Of each class, in percentage points over the same student with the same seed alone."""
    before = class_accuracy(predictions(alone), data.test_labels.numpy(), len(data.classes))
    return [None if now is None else now - then for now, then in zip(accuracies, before, strict=True)]


def _compared(
    job: DiagnosisJob,
    data: Dataset[Tensor],
    own: np.ndarray,
    model: Path,
    taught: Taught,
    where: torch.device,
    stream: str,
) -> dict[str, Any]:
    """A student beside its teacher: in the test split by what is stored, in training images by running it."""
    found: dict[str, Any] = {"test": None, "train": None}
    if taught.test is not None:
        found["test"] = fidelity(own, taught.test)
    wants_cka = job.cka and taught.model is not None
    network = load_network(model, where) if wants_cka or taught.train is not None else None
    if taught.train is not None:
        found["train"] = fidelity_on(network, labelled(data, "train", where, stream).images, taught.train)
    alike = None
    if wants_cka:
        test = labelled(data, "test", where, stream).images
        alike = stage_similarities(load_network(taught.model, where), network, test)
    return {"fidelity": found, "cka": alike}
