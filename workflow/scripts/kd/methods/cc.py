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
from typing import Literal

import torch
from torch import Tensor, nn

from kd.distillation.base import Context, Distillation
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


def consecutive_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Σ_d δ_i,d · δ_i+1,d with δ = |s − t|, the mean over the B − 1 pairs of a sample and its successor.

    What RepDistiller computes, of embeddings, by code of CC's authors. It depends on the order of the batch.

    student, teacher: (B, D) float, B of two or more. Returns a scalar.
    """
    distance = (student - teacher).abs()
    return (distance[:-1] * distance[1:]).sum(dim=1).mean()


class Method(Distillation):
    """CE + `weight` · difference of the correlations of the last features.

    Follows the paper's formula, with its `gamma` and `order`; the paper adds `kd` to it (equation 7), as the
    sum of `cc` and `kd` does here. The features are those before the classifier; as (B, B) matrices are
    compared, their dimensions may differ, and nothing has to be embedded. The default weight is that of the
    public collection Knowledge-Distillation-Zoo, which computes this formula.

    RepDistiller, with code of CC's authors, has another formula, whose weight is 0.02: {formula: consecutive,
    weight: 0.02}. It multiplies the differences of linear embeddings of consecutive samples. Both embeddings
    are trained, so that they can make it small without the student's features; therefore the paper's formula
    is the default. That is at most 0.26 for features that are not negative, and would vanish with 0.02.

    `gamma`: inverse width of the Gaussian kernel
    `order`: order of the Taylor series of the kernel
    `formula`: kernel: the paper's; consecutive: RepDistiller's
    `dimensions`: length of an embedding; with consecutive alone
    """

    NEEDS = ("stages",)
    WEIGHTS = (("cc", "weight"),)

    weight: NonNegative = 100.0
    gamma: Positive = 0.4
    order: Count = 2
    formula: Literal["kernel", "consecutive"] = "kernel"
    dimensions: Count = 128

    def describe(self) -> str:
        """The loss as the table names it."""
        if self.formula == "consecutive":
            return f"CE + {self.weight:g}·CC of consecutive samples, {self.dimensions} dimensions"
        return f"CE + {self.weight:g}·CC, gamma={self.gamma:g}, order {self.order}"

    def prepare(self, context: Context) -> None:
        """Make sure that both networks have feature maps; and the embeddings, where there are any."""
        super().prepare(context)
        if self.formula == "consecutive":
            widths = context.student_stages[-1][0], context.teacher_stages[-1][0]
            self.embed = nn.ModuleList(nn.Linear(width, self.dimensions) for width in widths)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy with the labels and difference of the correlations."""
        features = batch.student.features, batch.teacher.features
        if self.formula == "consecutive":
            loss = consecutive_loss(*(embed(own) for embed, own in zip(self.embed, features, strict=True)))
        else:
            loss = cc_loss(*features, self.gamma, self.order)
        return {"ce": batch.cross_entropy(batch.student.logits), "cc": self.weight * loss}
