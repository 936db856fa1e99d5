r"""Normalised knowledge distillation (NKD): Yang et al. 2023 (arXiv:2303.13005).

Two terms: the labelled class, and the other classes. The probabilities of the other classes are normalised to
sum to 1 in both networks, because otherwise their cross-entropy could not become small.

$$
    \begin{split}
    L &= w_\text{ce}\,\text{CE}(y, q) - w_\text{target}\,p_y \log q_y \\
        &- w_\text{nontarget}\,T^2 \sum_{i \neq y} \hat p_{T,i} \log \hat q_{T,i}
    \end{split}
$$

With p̂ and q̂ at T without the labelled class, so that they sum to 1.

Code: yzd-v/cls_KD (the authors'), sunshangquan/logit-standardization-KD (`standardize`).
"""

from torch import Tensor

from kd.distillation.base import Distillation
from kd.distillation.batch import Batch
from kd.distillation.logits import compared, described, log_probabilities, of_label, of_others
from kd.settings.types import NonNegative, Positive


def target_loss(student: Tensor, teacher: Tensor, labels: Tensor) -> Tensor:
    """−T_t · log S_t: the cross-entropy with the label, weighted by what the teacher gives it (at T = 1).

    First term of the paper's NKD loss.

    student, teacher: (B, C) float logits; labels: (B,) int64. Returns a scalar, in nats: mean over samples.
    """
    log_student = of_label(student.log_softmax(dim=1), labels)
    return -(of_label(teacher.softmax(dim=1), labels) * log_student).mean()


def nontarget_loss(student: Tensor, teacher: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """−T² · Σ_i T̂_i · log Ŝ_i over all classes i but the labelled, probabilities at T that sum to 1 there.

    Second term of the paper's NKD loss, where T is λ. A cross-entropy: with equal networks its gradient is 0,
    and it is the teacher's entropy. 0 for two classes.

    Shapes and units as in `target_loss`.
    """
    log_student = log_probabilities(of_others(student, labels), temperature)
    log_teacher = log_probabilities(of_others(teacher, labels), temperature)
    return -(log_teacher.exp() * log_student).sum(dim=1).mean() * temperature**2


class Method(Distillation):
    """`ce_weight` · CE(labels) + `target_weight` · target + `nontarget_weight` · non-target (gamma).

    The defaults are the paper's for ImageNet: gamma = 1.5, T = 1. The authors' configuration for ResNet-34 to
    ResNet-18 on CIFAR-100 has 3.5 and T = 3.
    `standardize` concerns the non-target term, the one with a temperature; the other goes by the label.

    `target_weight`: weight of the labelled class
    `nontarget_weight`: weight of the other classes (the paper's gamma)
    """

    NEEDS = ("logits",)
    ONE_LABEL = True
    ONE_ABOVE_ZERO = ("ce_weight", "target_weight", "nontarget_weight")
    WEIGHTS = (("target", "target_weight"), ("nontarget", "nontarget_weight"))

    temperature: Positive = 1.0
    ce_weight: NonNegative = 1.0
    target_weight: NonNegative = 1.0
    nontarget_weight: NonNegative = 1.5
    standardize: bool = False

    def describe(self) -> str:
        """The loss as the table names it."""
        weights = f"{self.target_weight:g}·target + {self.nontarget_weight:g}·non-target"
        terms = f"{weights} (NKD), T={self.temperature:g}"
        return described(self.ce_weight, terms, standardize=self.standardize)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy with the labels, the labelled class, and the others among themselves."""
        plain = compared(batch, standardize=False)
        softened = compared(batch, standardize=self.standardize)
        nontarget = nontarget_loss(*softened, batch.labels, self.temperature)
        return {
            "ce": self.ce_weight * batch.cross_entropy(batch.student.logits),
            "target": self.target_weight * target_loss(*plain, batch.labels),
            "nontarget": self.nontarget_weight * nontarget,
        }
