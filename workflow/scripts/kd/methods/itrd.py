r"""Information theoretic representation distillation (ITRD): Miles, López Rodríguez & Mikolajczyk 2022.

arXiv:2112.00459. Maximises the correlation of the last features, dimension by dimension, and matches the
similarities of the samples as far as the teacher has them.

$$
    \begin{split}
    L &= \text{CE}(y, q) + w_\text{correlation}\,\log_2 \sum_d \left| c_d - 1 \right|^{2a} \\
        &+ w_\text{mutual} \sum_{ij} \left( \left( \frac{G^s_{ij}}{\text{tr}\,G^s} \right)^2
        - \left( \frac{G^s_{ij} G^t_{ij}}{\text{tr}(G^s \circ G^t)} \right)^2 \right)
    \end{split}
$$

With c, the correlation of dimension d over the batch, a = `alpha`, and G, the cosines between samples.

Code: roymiles/ITRD (the authors').
"""

import torch
from torch import Tensor, nn

from kd.distillation.base import Context, Distillation
from kd.distillation.batch import Batch
from kd.distillation.features import unit
from kd.settings.types import NonNegative, Positive


def correlation_loss(student: Tensor, teacher: Tensor, alpha: float) -> Tensor:
    """log₂ Σ |c_d − 1|^(2a), L_corr: Rényi's entropy of the cross-correlation, up to a factor.

    As in the authors' code, the deviations are those over B − 1 and the product is divided by B. So c is
    Pearson's correlation times (B − 1)/B, which never is 1, and the logarithm stays finite. A dimension that
    does not vary has c = 0, and no gradient.

    student, teacher: (B, D) float features. Returns a scalar, in bits.
    """
    student, teacher = (unit(rows - rows.mean(dim=0), dim=0) for rows in (student, teacher))
    correlation = (student * teacher).sum(dim=0) * (len(student) - 1) / len(student)
    return (1 - correlation).abs().pow(2 * alpha).sum().log2()


def mutual_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Σ (G_s/tr G_s)² − Σ (G_s∘G_t / tr(G_s∘G_t))²: the mutual information by Rényi's entropy of order 2.

    L_mi of the paper less its logarithms, as in the authors' code. G are the cosines of the samples,
    and ∘ multiplies element by element. Where all features are 0 it is 0.

    student: (B, D), teacher: (B, E) float features. Returns a scalar.
    """
    own, other = (rows @ rows.T for rows in (unit(student, dim=1), unit(teacher, dim=1)))
    return _normalised(own).square().sum() - _normalised(own * other).square().sum()


def _normalised(matrix: Tensor) -> Tensor:
    """Divided by its trace; as it is where that is 0."""
    trace = matrix.diagonal().sum()
    return matrix / torch.where(trace > 0, trace, 1)


class Method(Distillation):
    """CE + `correlation_weight` · correlation + `mutual_weight` · mutual information.

    The defaults are those of the authors' example for CIFAR-100, a pair of one kind: 2, 1 and 1.01.
    Their code's own defaults are 2, 0.05 and 1.5, which suit pairs of unlike kind. One linear embedding
    of the student's features serves both losses; the second takes the features as they are where both
    networks have equally many. It is gone when the training ends.

    `correlation_weight`: weight of the correlation of the features
    `mutual_weight`: weight of the similarities of the samples
    `alpha`: order of the entropy in the correlation's loss
    """

    NEEDS = ("stages",)
    WEIGHTS = (("correlation", "correlation_weight"), ("mutual", "mutual_weight"))

    correlation_weight: NonNegative = 2.0
    mutual_weight: NonNegative = 1.0
    alpha: Positive = 1.01

    def describe(self) -> str:
        """The loss as the table names it."""
        parts = f"{self.correlation_weight:g}·correlation + {self.mutual_weight:g}·mutual"
        return f"CE + {parts} (ITRD), alpha {self.alpha:g}"

    def prepare(self, context: Context) -> None:
        """Make the embedding."""
        self.embed = nn.Linear(context.student_stages[-1][0], context.teacher_stages[-1][0])

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy with the labels, and both measures of what the networks share."""
        student, teacher = batch.student.features, batch.teacher.features
        embedded = self.embed(student)
        compared = student if student.shape == teacher.shape else embedded
        return {
            "ce": batch.cross_entropy(batch.student.logits),
            "correlation": self.correlation_weight * correlation_loss(embedded, teacher, self.alpha),
            "mutual": self.mutual_weight * mutual_loss(compared, teacher),
        }
