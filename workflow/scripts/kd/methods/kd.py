r"""Knowledge distillation (KD): Hinton, Vinyals & Dean 2015, "Distilling the Knowledge in a Neural Network".

arXiv:1503.02531. The student matches the teacher's softened class probabilities, in addition to the labels.

$$
    L = w_\text{ce}\,\text{CE}(y, q) + w_\text{kd}\,T^2\,\text{KL}(p_T \| q_T)
$$

Code: none is published by the authors; HobbitLong/RepDistiller, sunshangquan/logit-standardization-KD
(`standardize`).
"""

from torch import Tensor

from kd.distillation.base import Distillation
from kd.distillation.batch import Batch
from kd.distillation.logits import compared, described, divergence, log_probabilities
from kd.settings.types import NonNegative, Positive


def kd_loss(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """T² · KL(teacher ‖ student) of the class probabilities at temperature T.

    Section 2, equation 1 softens both by q_i = exp(z_i/T) / Σ_j exp(z_j/T). By that section gradients of
    the soft targets scale as 1/T², so the term is multiplied by T² to keep its weight when T changes. The
    paper's cross-entropy with soft targets and the KL here differ by the teacher's entropy, a constant.

    student, teacher: (B, C) float logits. Returns a scalar, in nats: the mean over samples.
    """
    log_student, log_teacher = (log_probabilities(logits, temperature) for logits in (student, teacher))
    return divergence(log_student, log_teacher) * temperature**2


def added_kd(batch: Batch, weight: float, temperature: float) -> dict[str, Tensor]:
    """The term `weight` · `kd_loss` of the logits, for a method to which it is added; none of weight 0."""
    if not weight:
        return {}
    return {"kd": weight * kd_loss(batch.student.logits, batch.teacher.logits, temperature)}


def named_kd(weight: float, temperature: float) -> str:
    """How the table names that term, behind those of the method."""
    return f" + {weight:g}·T²·KL, T={temperature:g}" if weight else ""


class Method(Distillation):
    """`ce_weight` · CE(labels) + `kd_weight` · T² · KL(teacher ‖ student).

    The defaults are those of the CIFAR-100 benchmark of Tian et al. 2020 (arXiv:1910.10699): 0.1, 0.9, T = 4.
    With `standardize`, Sun et al. 2024 (arXiv:2403.01427) use 0.1, 9 and T = 2.
    """

    NEEDS = ("logits",)
    ONE_ABOVE_ZERO = ("ce_weight", "kd_weight")
    WEIGHTS = (("kd", "kd_weight"),)

    temperature: Positive = 4.0
    ce_weight: NonNegative = 0.1
    kd_weight: NonNegative = 0.9
    standardize: bool = False

    def describe(self) -> str:
        """The loss as the table names it."""
        terms = f"{self.kd_weight:g}·T²·KL, T={self.temperature:g}"
        return described(self.ce_weight, terms, standardize=self.standardize)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy with the labels and divergence from the teacher."""
        student, teacher = compared(batch, standardize=self.standardize)
        return {
            "ce": self.ce_weight * batch.cross_entropy(batch.student.logits),
            "kd": self.kd_weight * kd_loss(student, teacher, self.temperature),
        }
