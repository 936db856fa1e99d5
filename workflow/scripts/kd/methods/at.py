r"""Attention transfer (AT): Zagoruyko & Komodakis 2017, "Paying More Attention to Attention".

arXiv:1612.03928. Matches spatial attention maps: at which positions the feature maps are strongly active.

$$
    L = \text{CE}(y, q) + w \sum_l \text{MSE}(a(A^s_l), a(A^t_l)),
        \quad a(A) = \frac{\sum_c A_c^2}{\left\| \sum_c A_c^2 \right\|_2}
$$

Over the pairs l of feature maps of one resolution and their channels c.

Code: szagoruyko/attention-transfer (the authors'), HobbitLong/RepDistiller.
"""

import math

from torch import Tensor

from kd.distillation.base import Context, Distillation
from kd.distillation.batch import Batch
from kd.distillation.features import match_stages, same_size, unit
from kd.distillation.sums import ComparedMaps
from kd.errors import UserError
from kd.settings.types import NonNegative


def attention(maps: Tensor) -> Tensor:
    """Where a stage is active: maps (B, C, H, W) -> (B, H·W), each of length 1.

    F_sum^p of section 3.1 with p = 2, the sum over channels of the squares. The paper's is a sum; once the
    length is 1, a mean is the same.
    """
    return unit(maps.square().mean(dim=1).flatten(1), dim=1)


def at_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean squared difference of two feature maps' attention, over positions and samples.

    Equation 2 has β/2 · ‖Q_S/‖Q_S‖ − Q_T/‖Q_T‖‖ for each pair, and section 4.1 divides β by the number of
    positions and by the batch size. As in the authors' code and in Tian et al. 2020 (arXiv:1910.10699) the
    norm is squared, so both divisions make it a mean, and there is no ½.

    student, teacher: (B, C, H, W) and (B, D, h, w) float; the larger maps are averaged down. A scalar.
    """
    student, teacher = same_size(student, teacher)
    return (attention(student) - attention(teacher)).square().mean()


class Method(Distillation):
    """CE + `weight` · the sum, over the pairs of feature maps of one resolution, of the attention loss.

    The default is the paper's β = 10³, which Tian et al. 2020 (arXiv:1910.10699) use as well.

    `last_sum`: of a last stage that norm and ReLU close, as in a WRN, the maps ahead of them: RepDistiller's
    """

    NEEDS = ("stages",)
    WEIGHTS = (("at", "weight"),)

    weight: NonNegative = 1000.0
    last_sum: bool = False

    def describe(self) -> str:
        """The loss as the table names it."""
        return f"CE + {self.weight:g}·AT"

    def prepare(self, context: Context) -> None:
        """Choose the feature maps. Attention over one position is always 1, and would teach nothing."""
        student, teacher = context.student_stages, context.teacher_stages
        self.pairs = match_stages(student, teacher)
        self.maps = ComparedMaps(context, last_sum=self.last_sum)
        positions = [math.prod(map(min, student[s][1:], teacher[t][1:])) for s, t in self.pairs]
        if max(positions) == 1:
            raise UserError(
                "attention transfer compares positions, and the feature maps that can be compared have one"
                " pixel; larger images, or networks that share a larger resolution, are needed"
            )

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy with the labels and difference of the attention."""
        student, teacher = self.maps(batch)
        distance = sum(at_loss(student[s], teacher[t]) for s, t in self.pairs)
        return {
            "ce": batch.cross_entropy(batch.student.logits),
            "at": self.weight * distance,
        }
