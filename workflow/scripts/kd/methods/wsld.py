r"""Weighted soft labels (WSLD): Zhou et al. 2021, "Rethinking Soft Labels for KD" (arXiv:2102.00650).

Hinton's loss with a weight for each sample. A sample counts less, the better the student already fits its
label compared with the teacher: there soft labels would add more bias than they reduce variance.

$$
    \begin{split}
    L &= w_\text{ce}\,\text{CE}(y, q) + w_\text{kd}\,\frac{T^2}{B} \sum_b u_b\,\text{CE}(p_T, q_T) \\
    u_b &= 1 - e^{-\text{CE}(y, q) / \text{CE}(y, p)}
    \end{split}
$$

With u of each sample b at T = 1 and without a gradient.

Code: bellymonster/Weighted-Soft-Label-Distillation (the authors'), yzd-v/cls_KD (the values for CIFAR-100).
"""

import torch
from torch import Tensor
from torch.nn import functional

from kd.distillation.base import Distillation
from kd.distillation.batch import Batch
from kd.distillation.logits import compared, described, log_probabilities
from kd.settings.types import NonNegative, Positive


@torch.no_grad()
def sample_weights(student: Tensor, teacher: Tensor, labels: Tensor) -> Tensor:
    """1 − exp(−CE_student / CE_teacher) of each sample, with the labels and at T = 1: (B,), from 0 to 1.

    The weight in the paper's weighted soft-label loss. Without gradients, and with 1e-7 added to the
    denominator, as in the authors' code: what a sample is worth is not something to learn.

    student, teacher: (B, C) float logits; labels: (B,) int64.
    """
    of_student = functional.cross_entropy(student, labels, reduction="none")
    of_teacher = functional.cross_entropy(teacher, labels, reduction="none")
    return -torch.expm1(-of_student / (of_teacher + 1e-7))


def wsl_loss(student: Tensor, teacher: Tensor, weights: Tensor, temperature: float) -> Tensor:
    """T² · mean over samples of w · (−Σ_i p_i · log q_i), p the teacher's at T, q the student's.

    As in the authors' code a cross-entropy, whose gradient is that of the divergence.

    student, teacher: (B, C) float logits; weights: (B,). Returns a scalar, in nats.
    """
    log_student, log_teacher = (log_probabilities(logits, temperature) for logits in (student, teacher))
    crosses = -(log_teacher.exp() * log_student).sum(dim=1)
    return (weights * crosses).mean() * temperature**2


class Method(Distillation):
    """`ce_weight` · CE(labels) + `kd_weight` · weighted soft labels.

    The defaults are those of the authors' code, which is for ImageNet: alpha = 2.5 and T = 2. For CIFAR-100
    they are 2.25 and T = 4 (cls_KD).
    `standardize` concerns the soft labels; the weights are those of what the networks say themselves.
    """

    NEEDS = ("logits",)
    ONE_LABEL = True
    ONE_ABOVE_ZERO = ("ce_weight", "kd_weight")
    WEIGHTS = (("wsl", "kd_weight"),)

    temperature: Positive = 2.0
    ce_weight: NonNegative = 1.0
    kd_weight: NonNegative = 2.5
    standardize: bool = False

    def describe(self) -> str:
        """The loss as the table names it."""
        terms = f"{self.kd_weight:g}·T²·weighted soft CE (WSLD), T={self.temperature:g}"
        return described(self.ce_weight, terms, standardize=self.standardize)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy with the labels, and with the teacher's as far as a sample is worth it."""
        weights = sample_weights(*compared(batch, standardize=False), batch.labels)
        student, teacher = compared(batch, standardize=self.standardize)
        return {
            "ce": self.ce_weight * batch.cross_entropy(batch.student.logits),
            "wsl": self.kd_weight * wsl_loss(student, teacher, weights, self.temperature),
        }
