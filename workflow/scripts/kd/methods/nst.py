r"""Neuron selectivity transfer (NST): Huang & Wang 2017, "Like What You Like".

arXiv:1707.01219. Matches the distribution of the spatial patterns of the channels, by the maximum mean
discrepancy (MMD).

$$
    \begin{split}
    L &= \text{CE}(y, q) + w \sum_l m_l \\
    m_l &= \frac{1}{C^2} \sum_{ij} (x_i \cdot x_j)^2 + \frac{1}{D^2} \sum_{ij} (y_i \cdot y_j)^2 \\
        &- \frac{2}{CD} \sum_{ij} (x_i \cdot y_j)^2
    \end{split}
$$

Over the pairs l of feature maps, with the channels' maps x (C, student) and y (D, teacher), of length 1.

Code: TuSimple/neuron-selectivity-transfer (the authors', in MXNet), HobbitLong/RepDistiller.
"""

from torch import Tensor

from kd.distillation.base import Context, Distillation
from kd.distillation.batch import Batch
from kd.distillation.features import match_stages, same_size, unit
from kd.distillation.sums import ComparedMaps
from kd.settings.types import NonNegative


def _mean_kernel(first: Tensor, second: Tensor) -> Tensor:
    """Mean of (x·y)² over all x of `first` (B, C, P) and y of `second` (B, D, P): (B,).

    It is the mean square of the products x·y, and also Σ (Σ xxᵀ/C)(Σ yyᵀ/D); whichever matrix is smaller.
    """
    (channels, positions), others = first.shape[1:], second.shape[1]
    if positions**2 * 2 < channels * others:
        covariances = (first.mT @ first) / channels, (second.mT @ second) / others
        return (covariances[0] * covariances[1]).sum(dim=(1, 2))
    return (first @ second.mT).square().mean(dim=(1, 2))


def nst_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Squared maximum mean discrepancy of the channels' patterns, the mean over samples (section 4).

    1/C² ΣΣ k(x_i, x_j) + 1/D² ΣΣ k(y_i, y_j) − 2/(CD) ΣΣ k(x_i, y_j), with the paper's polynomial kernel
    k(x, y) = (xᵀy + c)^d, d = 2, c = 0; a pattern is a channel's map as a vector of length 1.

    student, teacher: (B, C, H, W) and (B, D, h, w) float; the larger maps are averaged down. A scalar.
    """
    student, teacher = (unit(maps.flatten(2), dim=2) for maps in same_size(student, teacher))
    own, others = _mean_kernel(student, student), _mean_kernel(teacher, teacher)
    return (own + others - 2 * _mean_kernel(student, teacher)).mean()


class Method(Distillation):
    """CE + `weight` · the sum, over the pairs of feature maps of one resolution, of the discrepancies.

    Follows Tian et al. 2020 (arXiv:1910.10699), who compare all stages, with a weight of 50. It is that of
    the paper, which writes λ/2; they leave the ½ out, as here. The paper's authors compare one pair, the
    last maps, ahead of their ReLU.

    `last_sum`: of a last stage that norm and ReLU close, as in a WRN, the maps ahead of them: RepDistiller's
    """

    NEEDS = ("stages",)
    WEIGHTS = (("nst", "weight"),)

    weight: NonNegative = 50.0
    last_sum: bool = False

    def describe(self) -> str:
        """The loss as the table names it."""
        return f"CE + {self.weight:g}·NST"

    def prepare(self, context: Context) -> None:
        """Choose the feature maps."""
        self.pairs = match_stages(context.student_stages, context.teacher_stages)
        self.maps = ComparedMaps(context, last_sum=self.last_sum)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy with the labels and discrepancy of the patterns."""
        student, teacher = self.maps(batch)
        discrepancy = sum(nst_loss(student[s], teacher[t]) for s, t in self.pairs)
        return {
            "ce": batch.cross_entropy(batch.student.logits),
            "nst": self.weight * discrepancy,
        }
