r"""Scale decoupled knowledge distillation (SD-KD): Wei, Luo & Luo 2024 (arXiv:2403.13512).

Hinton's loss for parts of the image too. The classifiers of both networks are applied to the means of regions
of their last maps. A region about which the teacher is right, where it is wrong about the whole image, or the
reverse, has twice the weight.

$$
    L = w_\text{ce}\,\text{CE}(y, q)
        + \frac{w_\text{kd}\,T^2}{R B} \sum_{r,b} u_{r,b}\,\text{KL}(p_{r,T} \| q_{r,T})
$$

With R regions r: the whole image, its quarters and its sixteenths.

Code: shicaiwei123/SDD-CVPR2024 (the authors').
"""

from torch import Tensor

from kd.distillation.batch import Batch
from kd.distillation.logits import described, divergences, log_probabilities
from kd.distillation.regions import Regional
from kd.settings.types import Counts, NonNegative, Positive


def sd_kd_loss(student: Tensor, teacher: Tensor, weights: Tensor, temperature: float) -> Tensor:
    """T² · mean of weight · KL(teacher ‖ student), over regions of samples.

    Equations 8 to 10 with Hinton's loss, and the mean over regions in place of their sum.

    student, teacher: (N, C) float logits; weights: (N,). Returns a scalar, in nats.
    """
    log_student, log_teacher = (log_probabilities(logits, temperature) for logits in (student, teacher))
    return (weights * divergences(log_student, log_teacher)).mean() * temperature**2


class Method(Regional):
    """`ce_weight` · CE(labels) + `kd_weight` · T² · KL of each region, the mean over regions and samples.

    The defaults are those of the authors' code for CIFAR-100: 0.1, 0.9, T = 4, and weight 2 for regions that
    complement the whole. Scales are [1, 2, 4] in most of their commands, and [1, 2] in others, such as that
    of ResNet-32x4 to ResNet-8x4. A scale above the smaller side of the last maps is left out.

    `scales`: into how many parts a side of the last maps is cut; the whole is always there
    `complementary`: weight of regions about which the teacher is right, where it is wrong about the whole, or
        the reverse
    """

    NEEDS = ("stages", "network")
    ASKS_TEACHER = ("classifier", "maps")
    ASKS_STUDENT = ("classifier", "maps")
    ONE_LABEL = True
    ONE_ABOVE_ZERO = ("ce_weight", "kd_weight")
    WEIGHTS = (("kd", "kd_weight"),)

    temperature: Positive = 4.0
    ce_weight: NonNegative = 0.1
    kd_weight: NonNegative = 0.9
    scales: Counts = (1, 2, 4)
    complementary: Positive = 2.0

    def describe(self) -> str:
        """The loss as the table names it."""
        return described(
            self.ce_weight, f"{self.kd_weight:g}·T²·KL of regions (SD-KD), T={self.temperature:g}"
        )

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy with the labels and divergence from the teacher, region by region."""
        student, teacher, _, weights = self.regional(batch, batch.labels)
        return {
            "ce": self.ce_weight * batch.cross_entropy(batch.student.logits),
            "kd": self.kd_weight * sd_kd_loss(student, teacher, weights, self.temperature),
        }
