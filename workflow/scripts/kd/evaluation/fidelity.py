"""The fidelity of a student: how far it predicts, and with which probabilities, what its teacher does."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from kd.data.views import ViewedImages
from kd.evaluation.inference import logits_of
from kd.evaluation.logits import pieces


@dataclass
class Tally:
    """Adds up over batches how far student and teacher are from each other."""

    samples: int = 0
    same: int = 0
    nats: float = 0.0

    def add(self, student: Tensor, teacher: Tensor) -> None:
        """Logits (B, classes) of the same samples."""
        self.samples += len(student)
        self.same += int((student.argmax(1) == teacher.argmax(1)).sum())
        student, teacher = (functional.log_softmax(logits.double(), dim=1) for logits in (student, teacher))
        self.nats += float(functional.kl_div(student, teacher, log_target=True, reduction="sum"))

    def result(self) -> dict[str, float]:
        """Agreement in percent, and the mean over samples of KL(teacher ‖ student) in nats, at temperature 1.

        Stanton et al. 2021 (arXiv:2106.05945): average top-1 agreement and average predictive KL.
        """
        return {"agreement": 100 * self.same / self.samples, "kl": self.nats / self.samples}


def fidelity(student: np.ndarray, teacher: np.ndarray) -> dict[str, float]:
    """Of logits (N, classes) float of the same samples; see Tally.result."""
    tally = Tally()
    for both in pieces(student, teacher):
        tally.add(*both)
    return tally.result()


def fidelity_on(network: nn.Module, images: ViewedImages, teacher: np.ndarray) -> dict[str, float]:
    """Of a student run over un-augmented images, and its teacher's logits (N, classes) of them: see Tally."""
    tally, first = Tally(), 0
    everything = torch.arange(images.samples, device=images.device)
    for logits in logits_of(network, images, everything, images.plain):
        batch = np.array(teacher[first : first + len(logits)])  # read from the disk now, and no more of it
        tally.add(logits.float().cpu(), torch.from_numpy(batch))
        first += len(logits)
    return tally.result()
