r"""Transformed teacher matching (TTM): Zheng & Yang 2024 (arXiv:2402.11148).

Hinton's loss with the temperature on the teacher alone: the student, as it is used, matches a power of the
teacher's probabilities. Compared with Hinton's loss this adds the student's Rényi entropy, a regularisation.

$$
    L = w_\text{ce}\,\text{CE}(y, q) + w_\text{kd}\,\text{KL}(p_T \| q),
        \quad p_{T,i} = \frac{p_i^{1/T}}{\sum_j p_j^{1/T}}
$$

Code: zkxufo/TTM (the authors').
"""

from torch import Tensor

from kd.distillation.base import Distillation
from kd.distillation.batch import Batch
from kd.distillation.logits import compared, described, divergence, log_probabilities
from kd.settings.types import NonNegative, Positive


def ttm_loss(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """KL(teacher at T ‖ student at 1): the distillation loss of equation 2, which section 3 decomposes.

    The power transform of the probabilities by 1/T (equation 7) is the softmax of the logits over T. There is
    no T², as in the authors' code.

    student, teacher: (B, C) float logits. Returns a scalar, in nats: the mean over samples.
    """
    return divergence(log_probabilities(student, 1.0), log_probabilities(teacher, temperature))


class Method(Distillation):
    """`ce_weight` · CE(labels) + `kd_weight` · KL(teacher at T ‖ student), T on the teacher alone.

    T = 10 (gamma = 0.1) and 45 are those of the authors' command for VGG13 to VGG8 on CIFAR-100. The paper
    has other values for each pair (its appendix A.4).

    `temperature`: divisor of the teacher's logits, the inverse of the paper's gamma
    `kd_weight`: weight of the divergence (the paper's beta)
    """

    NEEDS = ("logits",)
    ONE_ABOVE_ZERO = ("ce_weight", "kd_weight")
    WEIGHTS = (("kd", "kd_weight"),)

    temperature: Positive = 10.0
    ce_weight: NonNegative = 1.0
    kd_weight: NonNegative = 45.0

    def describe(self) -> str:
        """The loss as the table names it."""
        return described(self.ce_weight, f"{self.kd_weight:g}·KL (TTM), teacher's T={self.temperature:g}")

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy with the labels, and divergence from the transformed teacher."""
        student, teacher = compared(batch, standardize=False)
        return {
            "ce": self.ce_weight * batch.cross_entropy(student),
            "kd": self.kd_weight * ttm_loss(student, teacher, self.temperature),
        }
