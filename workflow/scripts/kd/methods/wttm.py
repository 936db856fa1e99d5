r"""Weighted transformed teacher matching (WTTM): Zheng & Yang 2024 (arXiv:2402.11148).

TTM with a weight for each sample: the sum of the powers by which the teacher's probabilities are transformed.
It is larger, the smoother the teacher's prediction is. A sample of which the teacher is certain has 1.

$$
    \begin{split}
    L &= w_\text{ce}\,\text{CE}(y, q) + \frac{w_\text{kd}}{B} \sum_b u_b\,\text{KL}(p_T \| q) \\
    u_b &= \sum_i p_i^{1/T}
    \end{split}
$$

With u of each sample b from the teacher's p at T = 1.

Code: zkxufo/TTM (the authors').
"""

import torch
from torch import Tensor

from kd.distillation.base import Distillation
from kd.distillation.batch import Batch
from kd.distillation.logits import compared, described, divergences, log_probabilities
from kd.settings.types import NonNegative, Positive


@torch.no_grad()
def smoothness(teacher: Tensor, temperature: float) -> Tensor:
    """Σ_i p_i^(1/T) of each sample: (B,), from 1 to C^(1 − 1/T) for T above 1.

    The coefficient of the paper's section 4: exp((1 − 1/T) · H), with the Rényi entropy H of order 1/T.

    teacher: (B, C) float logits.
    """
    return (log_probabilities(teacher, 1.0) / temperature).exp().sum(dim=1)


def wttm_loss(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """Mean over samples of u · KL(teacher at T ‖ student at 1), u the smoothness of the teacher.

    student, teacher: (B, C) float logits. Returns a scalar, in nats.
    """
    values = divergences(log_probabilities(student, 1.0), log_probabilities(teacher, temperature))
    return (smoothness(teacher, temperature) * values).mean()


class Method(Distillation):
    """`ce_weight` · CE(labels) + `kd_weight` · weighted KL(teacher at T ‖ student), T on the teacher alone.

    T = 5 (gamma = 0.2) and 4 are those of the authors' only published command with WTTM, for VGG13 to VGG8 on
    CIFAR-100, where it is added to CRD. The paper has other values for each pair (its appendix A.4).

    `temperature`: divisor of the teacher's logits, the inverse of the paper's gamma
    `kd_weight`: weight of the divergence (the paper's beta)
    """

    NEEDS = ("logits",)
    ONE_ABOVE_ZERO = ("ce_weight", "kd_weight")
    WEIGHTS = (("kd", "kd_weight"),)

    temperature: Positive = 5.0
    ce_weight: NonNegative = 1.0
    kd_weight: NonNegative = 4.0

    def describe(self) -> str:
        """The loss as the table names it."""
        terms = f"{self.kd_weight:g}·weighted KL (WTTM), teacher's T={self.temperature:g}"
        return described(self.ce_weight, terms)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy with the labels, and weighted divergence from the transformed teacher."""
        student, teacher = compared(batch, standardize=False)
        return {
            "ce": self.ce_weight * batch.cross_entropy(student),
            "kd": self.kd_weight * wttm_loss(student, teacher, self.temperature),
        }
