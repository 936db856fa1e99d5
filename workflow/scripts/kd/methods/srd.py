r"""A simple recipe for the projector (SRD): Miles & Mikolajczyk 2024 (arXiv:2303.11098).

"Understanding the Role of the Projector in Knowledge Distillation". Matches the last features behind one
linear layer, standardised over the batch. The logarithm of a sum of high powers is a soft maximum.

$$
    \begin{split}
    L &= \text{CE}(y, q) + w_\text{kd}\,T^2\,\text{KL}(p_T \| q_T) \\
        &+ w_\text{feature}\,\log \sum_{bd} \left| n(P f^s)_{bd} - n(f^t)_{bd} \right|^a
    \end{split}
$$

With the projector P, batch norm n without scale and shift, and the power a = `exponent`.

Code: roymiles/Simple-Recipe-Distillation (the authors').
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from kd.distillation.base import Context, Distillation
from kd.distillation.batch import Batch
from kd.methods.kd import added_kd, named_kd
from kd.settings.types import NonNegative, Positive

LEAST_VARIANCE = 1e-4  # added to variances, as in the authors' code for ResNets
LEAST_SUM = 1e-5  # added to the sum, as in their code for transformers: equal features have no −∞


def srd_loss(student: Tensor, teacher: Tensor, exponent: float) -> Tensor:
    """log Σ |n(s) − n(t)|^a over all samples and dimensions: the paper's LogSum.

    n standardises each dimension over the batch. The authors' code sums, as here; so the loss grows with the
    logarithm of the batch size, and its gradient does not.

    student, teacher: (B, D) float features, B of two or more. Returns a scalar.
    """
    student, teacher = (
        functional.batch_norm(rows, None, None, training=True, eps=LEAST_VARIANCE)
        for rows in (student, teacher)
    )
    return torch.log((student - teacher).abs().pow(exponent).sum() + LEAST_SUM)


class Method(Distillation):
    """CE + `feature_weight` · LogSum + `kd_weight` · T² · KL.

    The defaults are those of the authors' code for ImageNet: 2, 1, power 4, T = 1. They published none for
    CIFAR. The paper compares one layer too, the last; its features are pooled here as there. The projector
    is one linear layer, and is gone when the training ends.

    `feature_weight`: weight of the distance of the features
    `exponent`: power of the differences; the higher, the more the largest of them count
    """

    NEEDS = ("stages",)
    WEIGHTS = (("srd", "feature_weight"),)

    feature_weight: NonNegative = 2.0
    exponent: Positive = 4.0
    kd_weight: NonNegative = 1.0
    temperature: Positive = 1.0

    def describe(self) -> str:
        """The loss as the table names it."""
        kd = named_kd(self.kd_weight, self.temperature)
        return f"CE + {self.feature_weight:g}·SRD, power {self.exponent:g}{kd}"

    def prepare(self, context: Context) -> None:
        """Make the projector."""
        self.projector = nn.Linear(context.student_stages[-1][0], context.teacher_stages[-1][0])

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy with the labels, distance of the features, divergence of the logits."""
        student, teacher = batch.student, batch.teacher
        projected = self.projector(student.features)
        loss = srd_loss(projected, teacher.features, self.exponent)
        own = {"ce": batch.cross_entropy(student.logits), "srd": self.feature_weight * loss}
        return own | added_kd(batch, self.kd_weight, self.temperature)
