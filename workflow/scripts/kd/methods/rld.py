r"""Refined logit distillation (RLD): Sun, Chen, Lyu, Chen, Chen & Wang 2024 (arXiv:2408.07703).

What remains of a teacher that may be wrong. The student's confidence in the label follows the teacher's
confidence in its own prediction. Of the other classes only those are matched that the teacher ranks below the
label.

$$
    \begin{split}
    L &= w_\text{ce}\,\text{CE}(y, q) + u\,T^2 D \\
    D &= w_\text{scd}\,\text{KL}(b^p_T \| b^q_T) + w_\text{mcd}\,\text{KL}(\hat p_T \| \hat q_T)
    \end{split}
$$

With b of the teacher (max p, 1 − max p) and of the student (q_y, 1 − q_y); p̂ and q̂ over the classes whose
teacher logit is below that of y, so that they sum to 1; and the warm-up u = min(1, epoch / `warmup`).

Code: zju-SWJ/RLD (the authors').
"""

from torch import Tensor
from torch.nn import functional

from kd.distillation.base import Distillation
from kd.distillation.batch import Batch
from kd.distillation.logits import compared, described, divergence, log_binary, of_label
from kd.settings.types import Count, NonNegative, Positive

MASKED = -1e9  # a logit of no probability, as in the authors' code: with −inf a row of them would be NaN


def scd_loss(student: Tensor, teacher: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """T² · KL(b_teacher ‖ b_student): sample confidence distillation of the paper.

    b holds the probability of one class at T, and of all others: of the teacher its most probable class,
    whichever that is, and of the student the label.

    student, teacher: (B, C) float logits; labels: (B,) int64. Returns a scalar, in nats: mean over samples.
    """
    log_student = log_binary(student, labels, temperature)
    log_teacher = log_binary(teacher, teacher.argmax(dim=1), temperature)
    return divergence(log_student, log_teacher) * temperature**2


def mcd_loss(student: Tensor, teacher: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """T² · KL(p̂_teacher ‖ p̂_student): masked correlation distillation of the paper.

    p̂ are the probabilities at T of the classes that the teacher ranks below the label, summing to 1. The
    label and what has as large a logit, or a larger one, is masked. Where fewer than two classes are left it
    is 0.

    Shapes and units as in `scd_loss`.
    """
    masked = teacher >= of_label(teacher, labels)
    log_student, log_teacher = (
        functional.log_softmax((logits / temperature).masked_fill(masked, MASKED), dim=1)
        for logits in (student, teacher)
    )
    return functional.kl_div(log_student, log_teacher.exp(), reduction="batchmean") * temperature**2


class Method(Distillation):
    """`ce_weight` · CE(labels) + warm-up · (`scd_weight` · SCD + `mcd_weight` · MCD), both with their T².

    The warm-up is that of `dkd`: linear over `warmup` epochs, counted from 1. The defaults are those of the
    authors' code for CIFAR-100: alpha = 1, beta = 8, T = 4 and 20 epochs. Their code allows another
    temperature for SCD; their command sets the same, as here.

    `scd_weight`: weight of the confidence in the label (the paper's alpha)
    `mcd_weight`: weight of the classes that the teacher ranks below the label (the paper's beta)
    `warmup`: epochs in which the weight of both terms rises linearly
    """

    NEEDS = ("logits",)
    ONE_LABEL = True
    ONE_ABOVE_ZERO = ("ce_weight", "scd_weight", "mcd_weight")
    WEIGHTS = (("scd", "scd_weight"), ("mcd", "mcd_weight"))

    temperature: Positive = 4.0
    ce_weight: NonNegative = 1.0
    scd_weight: NonNegative = 1.0
    mcd_weight: NonNegative = 8.0
    warmup: Count = 20
    standardize: bool = False

    def describe(self) -> str:
        """The loss as the table names it."""
        terms = f"{self.scd_weight:g}·SCD + {self.mcd_weight:g}·MCD (RLD), T={self.temperature:g}"
        return described(self.ce_weight, terms, standardize=self.standardize)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy with the labels, and the two parts of the refined divergence, warmed up."""
        known = *compared(batch, standardize=self.standardize), batch.labels, self.temperature
        warm = batch.grown(self.warmup)
        return {
            "ce": self.ce_weight * batch.cross_entropy(batch.student.logits),
            "scd": warm * self.scd_weight * scd_loss(*known),
            "mcd": warm * self.mcd_weight * mcd_loss(*known),
        }
