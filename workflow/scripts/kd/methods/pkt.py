r"""Probabilistic knowledge transfer (PKT): Passalis & Tefas 2018, "Learning Deep Representations with PKT".

arXiv:1803.10837. Matches the probability that a sample is the neighbour of another, computed from the last
features.

$$
    L = \text{CE}(y, q) + \frac{w}{B^2} \sum_j \sum_{i \neq j} P_{i|j} \log \frac{P_{i|j}}{Q_{i|j}},
        \quad P_{i|j} = \frac{K(f_i, f_j)}{\sum_{k \neq j} K(f_k, f_j)}
$$

With K = ½ (cos + 1) of the last features, P of the teacher and Q of the student.

Code: passalis/probabilistic_kt (the authors'), HobbitLong/RepDistiller.
"""

import torch
from torch import Tensor

from kd.distillation.base import Distillation
from kd.distillation.batch import Batch
from kd.distillation.features import unit
from kd.settings.types import NonNegative

LEAST = 1e-7  # of a kernel whose logarithm is taken: two features may point in opposite directions


def neighbours(features: Tensor) -> Tensor:
    """Probability that row j picks column i: features (B, D) -> (B, B), rows of sum 1, 0 on the diagonal.

    K(x_i, x_j) / Σ_{k≠j} K(x_k, x_j) with the cosine kernel K = ½(cos + 1).
    """
    vectors = unit(features, dim=1)
    kernel = ((vectors @ vectors.T + 1) / 2).clamp(min=LEAST)
    kernel = kernel.masked_fill(torch.eye(len(kernel), dtype=torch.bool, device=kernel.device), 0)
    return kernel / kernel.sum(dim=1, keepdim=True)


def pkt_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """1/B² · Σ_j Σ_{i≠j} p log(p/q), p the teacher's probabilities and q the student's.

    The paper's is the sum. The authors' code divides it by B², which the published weights go with; it also
    leaves the samples among their own neighbours, which the paper does not.

    student, teacher: (B, D) and (B, E) float features. Returns a scalar, in nats.
    """
    p, q = neighbours(teacher), neighbours(student)
    itself = torch.eye(len(p), dtype=p.dtype, device=p.device)  # the diagonal, p = q = 0, would be log(0/0)
    return (p * ((p + itself).log() - (q + itself).log())).mean()


class Method(Distillation):
    """CE + `weight` · divergence of the neighbours' probabilities at the last features.

    The default is that of Tian et al. 2020 (arXiv:1910.10699), 30,000.
    """

    NEEDS = ("stages",)
    WEIGHTS = (("pkt", "weight"),)

    weight: NonNegative = 30000.0

    def describe(self) -> str:
        """The loss as the table names it."""
        return f"CE + {self.weight:g}·PKT"

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy with the labels and divergence of the neighbours."""
        student, teacher = batch.student.features, batch.teacher.features
        return {
            "ce": batch.cross_entropy(batch.student.logits),
            "pkt": self.weight * pkt_loss(student, teacher),
        }
