r"""Projector ensemble feature distillation (PEFD): Chen, Wang, Liu, Xu, de Hoog & Huang 2022.

arXiv:2210.15274. Matches the direction of the last features behind the mean of several projectors, each of
which begins differently.

$$
    L = \text{CE}(y, q) + \frac{w}{B} \sum_b \left( 1 - \cos(\bar{f}_b, f^t_b) \right), \quad
        \bar{f} = \frac{1}{n} \sum_{i=1}^{n} \text{ReLU}(P_i f^s)
$$

With n = `projectors` linear layers P.

Code: chenyd7/PEFD (the authors').
"""

import torch
from torch import Tensor, nn

from kd.distillation.base import Context, Distillation
from kd.distillation.batch import Batch
from kd.distillation.features import unit
from kd.settings.types import Count, NonNegative


def direction_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """1 − the cosine of the angle between the features, the mean over samples: the paper's L_MDA.

    student, teacher: (B, D) float. Returns a scalar, from 0 to 2.
    """
    return (1 - (unit(student, dim=1) * unit(teacher, dim=1)).sum(dim=1)).mean()


class Method(Distillation):
    """CE + `weight` · the direction loss; 25 and three projectors, as in the authors' code for CIFAR-100.

    The projectors begin as torch draws them, so each is another. They are gone when the training ends.

    `projectors`: number of projectors, whose outputs are averaged
    """

    NEEDS = ("stages",)
    WEIGHTS = (("pefd", "weight"),)

    weight: NonNegative = 25.0
    projectors: Count = 3

    def describe(self) -> str:
        """The loss as the table names it."""
        return f"CE + {self.weight:g}·PEFD, {self.projectors} projectors"

    def prepare(self, context: Context) -> None:
        """Make the projectors."""
        widths = context.student_stages[-1][0], context.teacher_stages[-1][0]
        self.ensemble = nn.ModuleList(nn.Linear(*widths) for _ in range(self.projectors))

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy with the labels and difference of the directions."""
        features = batch.student.features
        projected = torch.stack([project(features).relu() for project in self.ensemble]).mean(dim=0)
        loss = direction_loss(projected, batch.teacher.features)
        return {"ce": batch.cross_entropy(batch.student.logits), "pefd": self.weight * loss}
