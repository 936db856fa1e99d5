r"""Similarity-preserving distillation (SP): Tung & Mori 2019, "Similarity-Preserving Knowledge Distillation".

arXiv:1907.09682. Matches the similarities of the samples of a batch: images with similar feature maps in the
teacher are to have similar ones in the student.

$$
    L = \text{CE}(y, q) + \frac{w}{B^2}\,\|G^t - G^s\|_F^2,
        \quad G = \text{rows of } AA^\top \text{ divided by their length}
$$

With A (B, C·H·W), the last stage's maps of a batch.

Code: HobbitLong/RepDistiller.
"""

from torch import Tensor

from kd.distillation.base import Context, Distillation
from kd.distillation.batch import Batch
from kd.distillation.features import unit
from kd.distillation.sums import ComparedMaps
from kd.settings.types import NonNegative


def similarities(maps: Tensor) -> Tensor:
    """How alike the samples of a batch are: maps (B, C, H, W) -> (B, B), each row of length 1."""
    flat = maps.flatten(1)
    return unit(flat @ flat.T, dim=1)


def sp_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """1/B² · ‖G_T − G_S‖_F², the squared difference of the similarities (section 3.1), of one pair of layers.

    student, teacher: (B, C, H, W) and (B, D, h, w) float, of any channels and sizes. Returns a scalar.
    """
    return (similarities(student) - similarities(teacher)).square().mean()


class Method(Distillation):
    """CE + `weight` · difference of the similarities at the last stage of both.

    As in section 4.1 one pair is compared, the last convolution layers, with the paper's weight 3000, which
    Tian et al. 2020 (arXiv:1910.10699) use as well, in whose code (RepDistiller) the loss is the same.

    `last_sum`: of a last stage that norm and ReLU close, as in a WRN, the maps ahead of them: RepDistiller's
    """

    NEEDS = ("stages",)
    WEIGHTS = (("sp", "weight"),)

    weight: NonNegative = 3000.0
    last_sum: bool = False

    def describe(self) -> str:
        """The loss as the table names it."""
        return f"CE + {self.weight:g}·SP"

    def prepare(self, context: Context) -> None:
        """Make sure that both networks have feature maps."""
        super().prepare(context)
        self.maps = ComparedMaps(context, last_sum=self.last_sum)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy with the labels and difference of the similarities."""
        student, teacher = self.maps(batch)
        return {
            "ce": batch.cross_entropy(batch.student.logits),
            "sp": self.weight * sp_loss(student[-1], teacher[-1]),
        }
