r"""Scale decoupled NKD (SD-NKD): Wei, Luo & Luo 2024 (arXiv:2403.13512).

The loss of NKD for parts of the image too, as SD-KD has it for Hinton's. A region about which the teacher is
right, where it is wrong about the whole image, or the reverse, has twice the weight.

$$
    L = w_\text{ce}\,\text{CE}(y, q) + \frac{v}{R B} \sum_{r,b} u_{r,b}\,D(p_r, q_r)
$$

With D of NKD (target and other classes), R regions r, and the warm-up v = min(1, epoch / `warmup`).

Code: shicaiwei123/SDD-CVPR2024 (the authors').
"""

from torch import Tensor

from kd.distillation.batch import Batch
from kd.distillation.logits import described, log_probabilities, of_label, of_others
from kd.distillation.regions import Regional
from kd.settings.types import Count, Counts, NonNegative, Positive


def sd_nkd_losses(
    student: Tensor, teacher: Tensor, labels: Tensor, weights: Tensor, temperature: float
) -> tuple[Tensor, Tensor]:
    """Means of weight · −p_y · log q_y, and of weight · T² · cross-entropy of the others, which sum to 1.

    Equations 8 to 10 with NKD's loss, and the mean over regions in place of their sum.

    student, teacher: (N, C) float logits; labels: (N,) int64; weights: (N,). Returns scalars, in nats.
    """
    log_q, log_p = (of_label(log_probabilities(logits, 1.0), labels)[:, 0] for logits in (student, teacher))
    log_student, log_teacher = (
        log_probabilities(of_others(logits, labels), temperature) for logits in (student, teacher)
    )
    crosses = -(log_teacher.exp() * log_student).sum(dim=1)
    return -(weights * log_p.exp() * log_q).mean(), (weights * crosses).mean() * temperature**2


class Method(Regional):
    """`ce_weight` · CE(labels) + warm-up · (`target_weight` · target + `nontarget_weight` · non-target).

    The defaults are those of the authors' code for CIFAR-100: gamma = 8, T = 4, 20 epochs, scales [1, 2, 4],
    and weight 2 for regions that complement the whole. Their code does not take the labelled class out of the
    others, which NKD does, and this. A scale above the smaller side of the last maps is left out.

    8 is large for easy data: on the 8x8 digits (one seed, 16 epochs) a student had 84.6 %, with 0.5 it had
    92.2 %, and without a teacher 92.9 %.

    `target_weight`: weight of the labelled class
    `nontarget_weight`: weight of the other classes (gamma)
    `warmup`: epochs in which the weight of both terms rises linearly
    `scales`: into how many parts a side of the last maps is cut; the whole is always there
    `complementary`: weight of regions about which the teacher is right, where it is wrong about the whole, or
        the reverse
    """

    NEEDS = ("stages", "network")
    ASKS_TEACHER = ("classifier", "maps")
    ASKS_STUDENT = ("classifier", "maps")
    ONE_LABEL = True
    ONE_ABOVE_ZERO = ("ce_weight", "target_weight", "nontarget_weight")
    WEIGHTS = (("target", "target_weight"), ("nontarget", "nontarget_weight"))

    temperature: Positive = 4.0
    ce_weight: NonNegative = 1.0
    target_weight: NonNegative = 1.0
    nontarget_weight: NonNegative = 8.0
    warmup: Count = 20
    scales: Counts = (1, 2, 4)
    complementary: Positive = 2.0

    def describe(self) -> str:
        """The loss as the table names it."""
        terms = f"{self.target_weight:g}·target + {self.nontarget_weight:g}·non-target of regions (SD-NKD)"
        return described(self.ce_weight, f"{terms}, T={self.temperature:g}")

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy with the labels, the labelled class, and the others, region by region."""
        target, nontarget = sd_nkd_losses(*self.regional(batch, batch.labels), self.temperature)
        warm = batch.grown(self.warmup)
        return {
            "ce": self.ce_weight * batch.cross_entropy(batch.student.logits),
            "target": warm * self.target_weight * target,
            "nontarget": warm * self.nontarget_weight * nontarget,
        }
