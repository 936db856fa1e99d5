r"""Teacher-free knowledge distillation (Tf-KD): Yuan, Tay, Li, Wang & Feng 2020 (arXiv:1909.11723).

A control without a trained network (the paper's Tf-KD_reg). A virtual teacher is always correct
and gives all other classes the same probability. It shows how much of the effect of distillation is
regularisation.

$$
    L = w_\text{ce}\,\text{CE}(y, q) + w_\text{kd}\,\text{KL}(\text{softmax}(p_d / T) \| q),
        \quad p_{d,i} = \begin{cases} a & i = y \\ \frac{1 - a}{C - 1} & \text{else} \end{cases}
$$

With a = `correct`.

Code: yuanli2333/Teacher-free-Knowledge-Distillation (the authors').
"""

import torch
from torch import Tensor

from kd.distillation.base import Distillation
from kd.distillation.batch import Batch
from kd.distillation.logits import described, divergence, log_probabilities
from kd.settings.types import Fraction, NonNegative, Positive


def virtual_teacher(student: Tensor, labels: Tensor, correct: float) -> Tensor:
    """p_d: `correct` for the label, (1 − `correct`) / (C − 1) for each other class, (B, C): equation 8."""
    others = torch.full_like(student, (1 - correct) / (student.shape[1] - 1), requires_grad=False)
    return others.scatter(1, labels[:, None], correct)


def tfkd_loss(student: Tensor, labels: Tensor, correct: float, temperature: float) -> Tensor:
    """KL(softmax(p_d / T) ‖ softmax(z)), p_d the virtual teacher's probabilities, z the student's logits.

    The regulariser of Tf-KD_reg (equation 9), as the authors' code has it, from which the paper's numbers
    are: T softens the teacher alone, by way of probabilities that are taken for logits, and there is no T².
    (The paper writes the student softened as well. The code averages over classes too, and multiplies by a
    number: 100 for ResNet-18 on the 100 classes of CIFAR-100, of which the sum over classes here is the same;
    50 for MobileNetV2, ShuffleNetV2 and GoogLeNet, for which a `kd_weight` of 0.05 is the same.)

    student: (B, C) float logits; labels: (B,) int64. Returns a scalar, in nats: the mean over samples.
    """
    teacher = virtual_teacher(student, labels, correct)
    return divergence(log_probabilities(student, 1.0), log_probabilities(teacher, temperature))


class Method(Distillation):
    """`ce_weight` · CE(labels) + `kd_weight` · KL from a teacher who gives `correct` to the label, softened.

    The defaults are the authors' for ResNet-18 on CIFAR-100: alpha = 0.1, so 0.9 and 0.1; T = 20; 0.99 for
    the label. Their code's loss for ImageNet is not published.

    `correct`: probability that the virtual teacher gives to the label
    `kd_weight`: weight of the divergence from the virtual teacher
    `temperature`: divisor that softens the virtual teacher's probabilities
    """

    NEEDS = ()
    ONE_LABEL = True
    ONE_ABOVE_ZERO = ("ce_weight", "kd_weight")
    WEIGHTS = (("kd", "kd_weight"),)

    temperature: Positive = 20.0
    correct: Fraction = 0.99
    ce_weight: NonNegative = 0.9
    kd_weight: NonNegative = 0.1

    def describe(self) -> str:
        """The loss as the table names it."""
        teacher = f"virtual teacher right by {self.correct:g}"
        return described(self.ce_weight, f"{self.kd_weight:g}·KL, {teacher}, T={self.temperature:g}")

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy with the labels, and divergence from the virtual teacher."""
        student = batch.student.logits
        return {
            "ce": self.ce_weight * batch.cross_entropy(student),
            "kd": self.kd_weight * tfkd_loss(student, batch.labels, self.correct, self.temperature),
        }
