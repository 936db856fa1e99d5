"""The fidelity of a student: how far it predicts, and with which probabilities, what its teacher does."""

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from kd.data.views import ViewedImages
from kd.evaluation.inference import logits_of
from kd.evaluation.logits import pieces

Both = tuple[Tensor, Tensor]  # logits (B, classes) of student and teacher for the same samples


def fidelity(student: np.ndarray, teacher: np.ndarray) -> dict[str, float]:
    """Of logits (N, classes) float of the same samples; see `_over`."""
    return _over(pieces(student, teacher))


def fidelity_on(network: nn.Module, images: ViewedImages, teacher: np.ndarray) -> dict[str, float]:
    """Of a student run over un-augmented images; `teacher`: logits (N, classes) of them. See `_over`."""
    return _over(_batches(network, images, teacher))


def _batches(network: nn.Module, images: ViewedImages, teacher: np.ndarray) -> Iterator[Both]:
    first = 0
    everything = torch.arange(images.samples, device=images.device)
    for logits in logits_of(network, images, everything, images.plain):
        batch = np.array(teacher[first : first + len(logits)])  # read from the disk now, and no more of it
        yield logits.float().cpu(), torch.from_numpy(batch)
        first += len(logits)


def _over(batches: Iterable[Both]) -> dict[str, float]:
    """Agreement in percent, and the mean over samples of KL(teacher ‖ student) in nats, at temperature 1.

    Stanton et al. 2021 (arXiv:2106.05945): average top-1 agreement (equation 2), average predictive KL (3).
    """
    samples, same, nats = 0, 0, 0.0
    for student, teacher in batches:
        samples += len(student)
        same += int((student.argmax(1) == teacher.argmax(1)).sum())
        both = (functional.log_softmax(logits.double(), dim=1) for logits in (student, teacher))
        nats += float(functional.kl_div(*both, log_target=True, reduction="sum"))
    return {"agreement": 100 * same / samples, "kl": nats / samples}
