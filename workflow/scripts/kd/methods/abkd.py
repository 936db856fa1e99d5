r"""Distillation by the alpha-beta divergence (ABKD): Wang, Yang, Wang et al. 2025 (arXiv:2505.04560).

A family of divergences between forward KL (exponents 1 and 0), which spreads the student's probability, and
reverse KL (0 and 1), which concentrates it. A larger exponent of the teacher weighs classes of a large error
more, a larger exponent of the student those in which it is confident.

$$
    \begin{split}
    L &= w_\text{ce}\,\text{CE}(y, q) + w_\text{kd}\,D(p_T, q_T) \\
    D &= \frac{1}{ab} \sum_i \left( \frac{a\,p_i^{a+b} + b\,q_i^{a+b}}{a + b} - p_i^a q_i^b \right)
    \end{split}
$$

With p and q at T, a = `alpha` and b = `beta`.

Code: ghwang-s/abkd (the authors').
"""

from torch import Tensor

from kd.distillation.base import Distillation
from kd.distillation.batch import Batch
from kd.distillation.logits import compared, described, log_probabilities
from kd.settings.types import NonNegative, Number, Positive


def ab_divergence(log_student: Tensor, log_teacher: Tensor, alpha: float, beta: float) -> Tensor:
    """D(teacher ‖ student) of log-probabilities (B, C): a scalar, the mean over samples.

    Definition 4.1. Where alpha, beta or their sum is 0 it is the limit (appendix B), as in Cichocki, Cruces &
    Amari 2011 ("Generalized Alpha-Beta Divergences"), from whom the family is. Where one exponent is 0 the
    authors' code is the other times that limit, which is the same for 1.
    """
    p, q = log_teacher, log_student
    if not (alpha or beta):
        terms = (p - q).square() / 2
    elif not beta:
        terms = _one_sided(p, q, alpha)
    elif not alpha:
        terms = _one_sided(q, p, beta)
    elif not alpha + beta:
        ratio = alpha * (p - q)
        terms = (ratio.expm1() - ratio) / alpha**2
    else:
        both = alpha + beta
        ends = alpha * (both * p).exp() + beta * (both * q).exp()
        terms = (ends / both - (alpha * p + beta * q).exp()) / (alpha * beta)
    return terms.sum(dim=1).mean()


def _one_sided(first: Tensor, second: Tensor, power: float) -> Tensor:
    """(a · log(a / b) − a + b) / power², with a and b the powers of two probabilities, from their logs."""
    a, b = (power * first).exp(), (power * second).exp()
    return (a * power * (first - second) - a + b) / power**2


class Method(Distillation):
    """`ce_weight` · CE(labels) + `kd_weight` · AB-divergence at temperature T, without T².

    Equation 7. 0.8, 0.3 and 32 are those of the authors' command for ResNet-56 to ResNet-20 on CIFAR-100, and
    T = 4 that of their code. They choose the exponents for each pair.

    `alpha`: exponent of the teacher's probabilities
    `beta`: exponent of the student's probabilities
    """

    NEEDS = ("logits",)
    ONE_ABOVE_ZERO = ("ce_weight", "kd_weight")
    WEIGHTS = (("kd", "kd_weight"),)

    alpha: Number = 0.8
    beta: Number = 0.3
    temperature: Positive = 4.0
    ce_weight: NonNegative = 1.0
    kd_weight: NonNegative = 32.0

    def describe(self) -> str:
        """The loss as the table names it."""
        divergence = f"{self.kd_weight:g}·AB-divergence, alpha={self.alpha:g}, beta={self.beta:g}"
        return described(self.ce_weight, f"{divergence}, T={self.temperature:g}")

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy with the labels and divergence from the teacher."""
        student, teacher = (
            log_probabilities(logits, self.temperature) for logits in compared(batch, standardize=False)
        )
        return {
            "ce": self.ce_weight * batch.cross_entropy(batch.student.logits),
            "kd": self.kd_weight * ab_divergence(student, teacher, self.alpha, self.beta),
        }
