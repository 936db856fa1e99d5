r"""Scale decoupled DKD (SD-DKD): Wei, Luo & Luo 2024 (arXiv:2403.13512).

The loss of DKD for parts of the image too, as SD-KD has it for Hinton's. A region about which the teacher is
right, where it is wrong about the whole image, or the reverse, has twice the weight.

$$
    L = w_\text{ce}\,\text{CE}(y, q) + \frac{v\,T^2}{R B} \sum_{r,b} u_{r,b}\,D(p_r, q_r)
$$

With D of DKD (target and other classes), R regions r, and the warm-up v = min(1, epoch / `warmup`).

Code: shicaiwei123/SDD-CVPR2024 (the authors').
"""

from torch import Tensor

from kd.distillation.batch import Batch
from kd.distillation.logits import described, divergences, log_binary, log_probabilities, of_others
from kd.distillation.regions import Regional
from kd.settings.types import Count, Counts, NonNegative, Positive


def sd_dkd_losses(
    student: Tensor, teacher: Tensor, labels: Tensor, weights: Tensor, temperature: float
) -> tuple[Tensor, Tensor]:
    """T² · mean of weight · KL, of the labelled class and the rest, and of the others among themselves.

    Equations 8 to 10 with DKD's loss, and the mean over regions in place of their sum.

    student, teacher: (N, C) float logits; labels: (N,) int64; weights: (N,). Returns scalars, in nats.
    """
    parts = (
        [log_binary(logits, labels, temperature) for logits in (student, teacher)],
        [log_probabilities(of_others(logits, labels), temperature) for logits in (student, teacher)],
    )
    tckd, nckd = ((weights * divergences(*part)).mean() * temperature**2 for part in parts)
    return tckd, nckd


class Method(Regional):
    """`ce_weight` · CE(labels) + warm-up · (`tckd_weight` · TCKD + `nckd_weight` · NCKD) of each region.

    The defaults are those of the authors' code for CIFAR-100: those of `dkd`, scales [1, 2, 4], and weight 2
    for regions that complement the whole. A scale above the smaller side of the last maps is left out.

    8 is large for easy data: on the 8x8 digits (one seed, 16 epochs) a student had 85.7 %, with 1 it had
    90.8 %, and without a teacher 92.9 %.

    `tckd_weight`: weight of the labelled class against all others (the paper's alpha)
    `nckd_weight`: weight of the other classes among themselves (the paper's beta)
    `warmup`: epochs in which the weight of both terms rises linearly
    `scales`: into how many parts a side of the last maps is cut; the whole is always there
    `complementary`: weight of regions about which the teacher is right, where it is wrong about the whole, or
        the reverse
    """

    NEEDS = ("stages", "network")
    ASKS_TEACHER = ("classifier", "maps")
    ASKS_STUDENT = ("classifier", "maps")
    ONE_LABEL = True
    ONE_ABOVE_ZERO = ("ce_weight", "tckd_weight", "nckd_weight")
    WEIGHTS = (("tckd", "tckd_weight"), ("nckd", "nckd_weight"))

    temperature: Positive = 4.0
    ce_weight: NonNegative = 1.0
    tckd_weight: NonNegative = 1.0
    nckd_weight: NonNegative = 8.0
    warmup: Count = 20
    scales: Counts = (1, 2, 4)
    complementary: Positive = 2.0

    def describe(self) -> str:
        """The loss as the table names it."""
        terms = f"{self.tckd_weight:g}·TCKD + {self.nckd_weight:g}·NCKD of regions (SD-DKD)"
        return described(self.ce_weight, f"{terms}, T={self.temperature:g}")

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy with the labels, and the two parts of the divergence, region by region."""
        tckd, nckd = sd_dkd_losses(*self.regional(batch, batch.labels), self.temperature)
        warm = batch.grown(self.warmup)
        return {
            "ce": self.ce_weight * batch.cross_entropy(batch.student.logits),
            "tckd": warm * self.tckd_weight * tckd,
            "nckd": warm * self.nckd_weight * nckd,
        }
