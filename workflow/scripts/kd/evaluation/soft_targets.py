"""What teacher and student believe of single images, at several temperatures."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.nn import functional

EACH = 3  # images of each of the two kinds


def choose_images(entropy: np.ndarray, losses: np.ndarray) -> dict[int, str]:
    """Which of N images are shown, and why: "ambiguous" or "worst".

    Those with the highest `entropy` (N,) of the teacher's probabilities, where there is a teacher, which are
    the same for all its students; and of the others those with the largest `losses` (N,).
    """
    ambiguous = np.argsort(-entropy, kind="stable")[:EACH].tolist()
    largest = np.argsort(-losses, kind="stable")[: 2 * EACH].tolist()
    others = [index for index in largest if index not in ambiguous]
    return dict.fromkeys(ambiguous, "ambiguous") | dict.fromkeys(others[:EACH], "worst")


def soft_targets(
    chosen: dict[int, str],
    labels: np.ndarray,
    student: np.ndarray,
    teacher: np.ndarray | None,
    temperatures: Sequence[float],
) -> list[dict[str, Any]]:
    """The probabilities of the images `chosen`, of logits (N, classes) of the whole test split."""
    return [
        {
            "index": index,
            "true": int(labels[index]),
            "why": why,
            "temperatures": [
                {
                    "temperature": temperature,
                    "teacher": None if teacher is None else softened(teacher[index], temperature),
                    "student": softened(student[index], temperature),
                }
                for temperature in temperatures
            ],
        }
        for index, why in chosen.items()
    ]


def softened(logits: np.ndarray, temperature: float) -> list[float]:
    """Probabilities (classes,), to six digits: Hinton et al. 2015 (arXiv:1503.02531), equation 1."""
    scaled = torch.from_numpy(logits.astype(np.float64)) / temperature
    return functional.softmax(scaled, dim=0).numpy().round(6).tolist()
