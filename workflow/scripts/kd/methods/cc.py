r"""Correlation congruence (CC): Peng et al. 2019, "Correlation Congruence for Knowledge Distillation".

arXiv:1904.01802. Matches the correlations between the samples of a batch.

$$
    L = \text{CE}(y, q) + \frac{w}{B^2}\,\|ψ^s - ψ^t\|_F^2,
        \quad ψ_{ij} = e^{-2\gamma} \sum_{k=0}^{K} \frac{(2\gamma)^k}{k!} (f_i \cdot f_j)^k
$$

With the last features f of samples i and j, of length 1, and K = `order`.

Code: AberHu/Knowledge-Distillation-Zoo (the paper's formula), HobbitLong/RepDistiller (the authors' code).
"""

import math

import torch
from torch import Tensor

from kd.distillation.base import Distillation
from kd.distillation.batch import Batch
from kd.distillation.features import unit
from kd.settings.types import Count, NonNegative, Positive


def correlations(features: Tensor, gamma: float, order: int) -> Tensor:
    """Correlation of every two samples: features (B, D) -> (B, B).

    With g = `gamma`, the Gaussian kernel exp(−g‖x − y‖²) of vectors of length 1 is exp(−2g) · exp(2g x·y).
    As in section 3.3 the second factor is its Taylor series up to `order`: Σ_p (2g)^p / p! · (x·y)^p.
    """
    vectors = unit(features, dim=1)
    cosines = vectors @ vectors.T
    powers = [(2 * gamma) ** p / math.factorial(p) * cosines**p for p in range(order + 1)]
    return math.exp(-2 * gamma) * torch.stack(powers).sum(0)


def cc_loss(student: Tensor, teacher: Tensor, gamma: float, order: int) -> Tensor:
    """1/B² · ‖ψ(F_S) − ψ(F_T)‖², the mean squared difference of the correlations (section 3.2).

    ψ is the matrix of correlations, F the features of a batch.

    student, teacher: (B, D) and (B, E) float features. Returns a scalar.
    """
    return (correlations(student, gamma, order) - correlations(teacher, gamma, order)).square().mean()


class Method(Distillation):
    """CE + `weight` · difference of the correlations of the last features.

    Follows the paper's formula, with its `gamma` and `order`; the paper adds `kd` to it, as the sum of `cc`
    and `kd` does here. The features are those before the classifier; as (B, B) matrices are compared, their
    dimensions may differ, and nothing has to be embedded. RepDistiller, with code of CC's authors, has
    another formula, products of consecutive differences of embedded features, with a weight of 0.02; the term
    here, at most 0.26 for features that are not negative, would vanish with it. The default weight is that of
    the public collection Knowledge-Distillation-Zoo, which computes this formula.

    `gamma`: inverse width of the Gaussian kernel
    `order`: order of the Taylor series of the kernel
    """

    NEEDS = ("stages",)
    WEIGHTS = (("cc", "weight"),)

    weight: NonNegative = 100.0
    gamma: Positive = 0.4
    order: Count = 2

    def describe(self) -> str:
        """The loss as the table names it."""
        return f"CE + {self.weight:g}·CC, gamma={self.gamma:g}, order {self.order}"

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy with the labels and difference of the correlations."""
        features = batch.student.features, batch.teacher.features
        return {
            "ce": batch.cross_entropy(batch.student.logits),
            "cc": self.weight * cc_loss(*features, self.gamma, self.order),
        }
