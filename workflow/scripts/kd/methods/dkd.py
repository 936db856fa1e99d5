r"""Decoupled knowledge distillation (DKD): Zhao, Cui, Song, Qiu & Liang 2022 (arXiv:2203.08679).

Splits Hinton's divergence into two terms with separate weights. One compares the labelled class with all
others. The other compares these others among themselves, with a weight that no longer shrinks when the
teacher is confident.

$$
    \begin{split}
    L &= w_\text{ce}\,\text{CE}(y, q) + u\,T^2 D \\
    D &= w_\text{tckd}\,\text{KL}(b^p_T \| b^q_T) + w_\text{nckd}\,\text{KL}(\hat p_T \| \hat q_T)
    \end{split}
$$

With b = (p_y, 1 − p_y), p̂ and q̂ without the labelled class, and the warm-up u = min(1, epoch / `warmup`).

Code: megvii-research/mdistiller (the authors'), sunshangquan/logit-standardization-KD (`standardize`).
"""

from torch import Tensor

from kd.distillation.base import Distillation
from kd.distillation.batch import Batch
from kd.distillation.logits import compared, described, divergence, log_binary, log_probabilities, of_others
from kd.settings.types import Count, NonNegative, Positive


def tckd_loss(student: Tensor, teacher: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """T² · KL(b_teacher ‖ b_student), b = (p_t, 1 − p_t): the labelled class at temperature T, and the rest.

    First term of equation 7; section 3.1 calls it target-class distillation.

    student, teacher: (B, C) float logits; labels: (B,) int64. Returns a scalar, in nats: mean over samples.
    """
    log_student, log_teacher = (log_binary(logits, labels, temperature) for logits in (student, teacher))
    return divergence(log_student, log_teacher) * temperature**2


def nckd_loss(student: Tensor, teacher: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """T² · KL(p̂_teacher ‖ p̂_student), p̂ the probabilities at T of all but the labelled class, summing to 1.

    Second term of equation 7, without the factor 1 − p_t that Hinton's loss has there. 0 for two classes.

    Shapes and units as in `tckd_loss`.
    """
    log_student, log_teacher = (
        log_probabilities(of_others(logits, labels), temperature) for logits in (student, teacher)
    )
    return divergence(log_student, log_teacher) * temperature**2


class Method(Distillation):
    """`ce_weight` · CE(labels) + warm-up · (`tckd_weight` · TCKD + `nckd_weight` · NCKD), all with their T².

    Follows the authors' code (megvii-research/mdistiller). The warm-up rises linearly to 1 over `warmup`
    epochs. The authors count epochs from 1, so it begins with 1/`warmup`, not with 0. The defaults are theirs
    for CIFAR-100: alpha = 1, T = 4, 20 epochs, and the beta of resnet32x4 and of resnet50 → mobilenetv2, 8.
    It is 6 for wrn_40_2 → wrn_16_2 or wrn_40_1 and for vgg13, 2 for resnet56 → resnet20 and resnet110 →
    resnet32. With `standardize`, Sun et al. 2024 (arXiv:2403.01427) use alpha = 9, beta = 72 and T = 2.

    `tckd_weight`: weight of the labelled class against all others (the paper's alpha)
    `nckd_weight`: weight of the other classes among themselves (the paper's beta)
    `warmup`: epochs in which the weight of both terms rises linearly
    """

    NEEDS = ("logits",)
    ONE_LABEL = True
    ONE_ABOVE_ZERO = ("ce_weight", "tckd_weight", "nckd_weight")
    WEIGHTS = (("tckd", "tckd_weight"), ("nckd", "nckd_weight"))

    temperature: Positive = 4.0
    ce_weight: NonNegative = 1.0
    tckd_weight: NonNegative = 1.0
    nckd_weight: NonNegative = 8.0
    warmup: Count = 20
    standardize: bool = False

    def describe(self) -> str:
        """The loss as the table names it."""
        terms = f"{self.tckd_weight:g}·TCKD + {self.nckd_weight:g}·NCKD, T={self.temperature:g}"
        return described(self.ce_weight, terms, standardize=self.standardize)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy with the labels, and the two parts of the divergence as far as it is warmed up."""
        known = *compared(batch, standardize=self.standardize), batch.labels, self.temperature
        warm = batch.grown(self.warmup)
        return {
            "ce": self.ce_weight * batch.cross_entropy(batch.student.logits),
            "tckd": warm * self.tckd_weight * tckd_loss(*known),
            "nckd": warm * self.nckd_weight * nckd_loss(*known),
        }
