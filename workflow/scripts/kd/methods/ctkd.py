r"""Curriculum temperature for knowledge distillation (CTKD): Li et al. 2022 (arXiv:2211.16231).

Hinton's loss with one learnt temperature (the paper's global version). The temperature is trained
adversarially: it increases the loss that the student decreases. This adversarial part grows from epoch to
epoch, so the task becomes harder.

$$
    L = w_\text{ce}\,\text{CE}(y, q) + w_\text{kd}\,T^2\,\text{KL}(p_T \| q_T), \quad T = t_0 + s\,\sigma(θ),
        \quad \frac{\partial L}{\partial θ} \to -λ\,\frac{\partial L}{\partial θ}
$$

With t₀ = `start`, s = `span`, and λ that rises from `reversal_min` to `reversal_max` in `reversal_epochs`.

Code: zhengli97/CTKD (the authors'), sunshangquan/logit-standardization-KD (`standardize`).
"""

import math

import torch
from torch import Tensor, nn

from kd.distillation.base import Distillation
from kd.distillation.batch import Batch
from kd.distillation.logits import compared, described, divergence, log_probabilities
from kd.settings.types import Count, NonNegative, Positive


def reversed_gradient(value: Tensor, strength: Tensor) -> Tensor:
    """`value` as it is, whose gradient is multiplied by −`strength` (a gradient reversal layer)."""
    fixed = value.detach()
    return fixed + strength * (fixed - value)


def strength_at(epoch: Tensor, low: float, high: float, epochs: int) -> Tensor:
    """λ of the reversal: from `low` to `high` along half a cosine over `epochs` epochs, and so thereafter.

    λ = low + (high − low) · (1 − cos(π · min(E, epochs) / epochs)) / 2, the paper's curriculum. Its authors
    count E from 1, so in the first epoch λ is already above `low`.

    epoch: () float, epochs done. Returns () float.
    """
    share = ((epoch + 1) / epochs).clamp(max=1)
    return low + (high - low) * (1 - torch.cos(math.pi * share)) / 2


def ctkd_loss(student: Tensor, teacher: Tensor, temperature: Tensor) -> Tensor:
    """T² · KL(teacher ‖ student) at a temperature that has a gradient too, through T² as well.

    student, teacher: (B, C) float logits; temperature: () float. Returns a scalar, in nats: the mean over
    samples.
    """
    log_student, log_teacher = (log_probabilities(logits, temperature) for logits in (student, teacher))
    return divergence(log_student, log_teacher) * temperature**2


class Method(Distillation):
    """`ce_weight` · CE(labels) + `kd_weight` · T² · KL, T = `start` + `span` · sigmoid(θ), θ learnt upwards.

    The defaults are those of the paper: T from 1 to 21, λ from 0 to 1 over 10 epochs, and Hinton's loss with
    0.1 and 0.9. θ begins at 1 as in the authors' code (T = 15.6); it is trained like the student's weights.

    `start`: lowest temperature
    `span`: range of the temperature above `start`
    `reversal_min`: strength of the adversarial gradient in the first epoch
    `reversal_max`: strength of the adversarial gradient at the end of its ramp
    `reversal_epochs`: length of this ramp in epochs
    """

    NEEDS = ("logits",)
    ONE_ABOVE_ZERO = ("ce_weight", "kd_weight")
    WEIGHTS = (("kd", "kd_weight"),)

    start: Positive = 1.0
    span: Positive = 20.0
    reversal_min: NonNegative = 0.0
    reversal_max: NonNegative = 1.0
    reversal_epochs: Count = 10
    ce_weight: NonNegative = 0.1
    kd_weight: NonNegative = 0.9
    standardize: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self.reversal = self.reversal_min, self.reversal_max, self.reversal_epochs
        self.theta = nn.Parameter(torch.ones(()))

    def describe(self) -> str:
        """The loss as the table names it."""
        terms = f"{self.kd_weight:g}·T²·KL, T learnt in {self.start:g}–{self.start + self.span:g} (CTKD)"
        return described(self.ce_weight, terms, standardize=self.standardize)

    @property
    def softened_at(self) -> float:
        """Where it begins, at θ = 1."""
        return self.start + self.span / (1 + math.exp(-1))

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy with the labels, and divergence at the temperature as it has been learnt."""
        theta = reversed_gradient(self.theta, strength_at(batch.epoch, *self.reversal))
        temperature = self.start + self.span * theta.sigmoid()
        student, teacher = compared(batch, standardize=self.standardize)
        return {
            "ce": self.ce_weight * batch.cross_entropy(batch.student.logits),
            "kd": self.kd_weight * ctkd_loss(student, teacher, temperature),
        }
