r"""Inter-channel correlation (ICKD): Liu, Huang, Lin, Xie, Wang, Chang & Liang 2021 (ICCV).

arXiv:2202.03680. "Exploring Inter-Channel Correlation for Diversity-Preserved Knowledge Distillation".
Matches how similar the channels of the last feature maps are to each other.

$$
    L = \text{CE}(y, q) + \frac{w}{B D} \sum_{b,ij} \left( g(r(A^s))_{ij} - g(A^t)_{ij} \right)^2, \quad
        g(A)_{ij} = \frac{(A A^\top)_{ij}}{\left\| (A A^\top)_{i \cdot} \right\|_2}
$$

With the fit r to the teacher's D channels, whose maps are the rows of A.

Code: ADLab-AutoDrive/ICKD (the authors').
"""

from torch import Tensor

from kd.distillation.base import Context, Distillation
from kd.distillation.batch import Batch
from kd.distillation.features import Regressor, unit
from kd.settings.types import NonNegative


def correlations(maps: Tensor) -> Tensor:
    """Inner products of the channels, each row of length 1: (B, C, H, W) -> (B, C, C).

    Due to that length the number of positions is of no account.
    """
    rows = maps.flatten(2)
    return unit(rows @ rows.mT, dim=2)


def ickd_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Squared differences of the correlations: the mean over samples and rows, the sum within a row.

    L_CC of the paper, as in the authors' code (ICKD.py), which the published weight goes with.

    student: (B, C, H, W), teacher: (B, C, h, w) float. Returns a scalar.
    """
    return (correlations(student) - correlations(teacher)).square().sum(dim=2).mean()


class Method(Distillation):
    """CE + `weight` · ICKD-C at the last feature maps; 2.5 as in the authors' code for CIFAR-100.

    Their table has it alone, and with KD of weight 1 at T = 4: a sum, `{ickd: {}, kd: {kd_weight: 1}}`. The
    fit is a 1x1 convolution with batch norm, also where channels are equally many.
    """

    NEEDS = ("stages",)
    WEIGHTS = (("ickd", "weight"),)

    weight: NonNegative = 2.5

    def describe(self) -> str:
        """The loss as the table names it."""
        return f"CE + {self.weight:g}·ICKD"

    def prepare(self, context: Context) -> None:
        """Make the fit."""
        self.fit = Regressor(context.student_stages[-1], context.teacher_stages[-1])

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy with the labels and difference of the correlations."""
        loss = ickd_loss(self.fit(batch.student.stages[-1]), batch.teacher.stages[-1])
        return {"ce": batch.cross_entropy(batch.student.logits), "ickd": self.weight * loss}
