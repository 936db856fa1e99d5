r"""Feature norm and direction (ND): Wang, Cheng, Duan, Wang, Feng & Kong 2023 (arXiv:2305.17007).

"Improving Knowledge Distillation via Regularizing Feature Norm and Direction". Pulls the last features
towards the teacher's mean of their class, and makes them as long as the teacher's. Added to KD it is KD++.

$$
    L = \text{CE}(y, q) + \frac{w}{B} \sum_b \left( 1 - \frac{f^s_b \cdot e_{y_b}}{\max(\|f^s_b\|, \|f^t_b\|)}
        \right), \quad e_c = \frac{m_c}{\|m_c\|}
$$

With m, the teacher's mean feature of class c.

Code: WangYZ1608/Knowledge-Distillation-via-ND (the authors').
"""

import torch
from torch import Tensor, nn

from kd.distillation.base import Context, Distillation
from kd.distillation.batch import Batch
from kd.distillation.features import unit
from kd.settings.types import NonNegative


def nd_loss(student: Tensor, teacher: Tensor, directions: Tensor) -> Tensor:
    """1 − s·e / max(‖s‖, ‖t‖), the paper's L_nd: the mean over samples.

    A student shorter than its teacher is made longer, along e; of a longer one only the direction counts.
    Where both are 0, so is the fraction.

    student, teacher, directions: (B, D) float, directions of length 1. Returns a scalar, from 0 to 2.
    """
    lengths = [torch.linalg.vector_norm(rows, dim=1) for rows in (student, teacher)]
    longer = torch.maximum(*lengths)
    along = (student * directions).sum(dim=1) / torch.where(longer > 0, longer, 1)
    return (1 - along).mean()


class ClassMeans(nn.Module):
    """The mean feature of every class, over all samples seen so far."""

    def __init__(self, classes: int, width: int) -> None:
        super().__init__()
        self.register_buffer("means", torch.zeros(classes, width))
        self.register_buffer("seen", torch.zeros(classes))

    @torch.no_grad()
    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        """The means (B, width) of each sample's class, when also these features (B, width) are counted."""
        classes = torch.arange(len(self.seen), device=labels.device)
        # A product and no scattered sum, whose order a GPU does not fix.
        member = (classes[:, None] == labels).to(features.dtype)  # (classes, B)
        count = member.sum(dim=1)
        self.seen += count
        gap = member @ features - count[:, None] * self.means
        self.means += gap / self.seen.clamp(min=1)[:, None]
        return self.means[labels]


class Method(Distillation):
    """CE + `weight` · ND. Add it to others: `kd_nd: {kd: {ce_weight: 1, kd_weight: 1}, nd: {}}`.

    2 is the authors' for resnet56 → resnet20 on CIFAR-100, with KD of weight 1 at T = 4; for other pairs they
    use 0.5 to 2, and 0.5 to 4 with DKD and ReviewKD. Their KD has a warm-up of 20 epochs, which `kd` has not.
    They compute the means of the classes before the training; here they are those of all features seen so
    far, which after the first epoch is the same. Features of unlike widths go through batch norm, dropout
    (0.5) and a linear layer, as theirs; it is gone when the training ends.
    """

    NEEDS = ("stages",)
    ONE_LABEL = True
    WEIGHTS = (("nd", "weight"),)

    weight: NonNegative = 2.0

    def describe(self) -> str:
        """The loss as the table names it."""
        return f"CE + {self.weight:g}·ND"

    def prepare(self, context: Context) -> None:
        """The fit where it is needed, and the means."""
        source, target = context.student_stages[-1][0], context.teacher_stages[-1][0]
        layers = nn.BatchNorm1d(source), nn.Dropout(0.5), nn.Linear(source, target)
        self.fit = nn.Identity() if source == target else nn.Sequential(*layers)
        self.class_means = ClassMeans(context.classes, target)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy with the labels; norm and direction of the features."""
        student, teacher = batch.student.features, batch.teacher.features
        directions = unit(self.class_means(teacher, batch.labels), dim=1)
        loss = nd_loss(self.fit(student), teacher, directions)
        return {"ce": batch.cross_entropy(batch.student.logits), "nd": self.weight * loss}
