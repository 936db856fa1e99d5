r"""Distillation by singular value decomposition (KD-SVD): Lee, Kim & Song 2018 (ECCV).

arXiv:1807.06819, "Self-supervised Knowledge Distillation Using Singular Value Decomposition". Each
feature map is summarised by its first singular vector over channels. The relations of consecutive vectors
are matched.

$$
    L = \text{CE}(y, q) + w \sum_l \sum_{ij} (K^s_{l,ij} - K^t_{l,ij})^2,
        \quad K_{l,ij} = e^{-(v_{l,i} - v_{l+1,j})^2 / 8}
$$

With the first right singular vector v of each stage l as a matrix (positions, channels).

Code: sseung0703/SSKD_SVD (the authors', in TensorFlow), HobbitLong/RepDistiller.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from kd.distillation.base import Context, Distillation
from kd.distillation.batch import Batch
from kd.distillation.features import fit_channels, match_chain, unit
from kd.distillation.sums import ComparedMaps
from kd.settings.types import NonNegative

CANDIDATES = 4  # of the student's vectors, of which that is taken which is most like the teacher's first one
ROUNDS, LAST_ROUNDS = 16, 4  # of the iteration, and how many more of it have a gradient
LEAST_SHARE = 1e-4  # of a map's energy: a vector with less is left out, for its gradient would be noise
SPREAD = 8.0  # of the paper's kernel


def _orthonormal(columns: Tensor, least: float) -> Tensor:
    """Gram-Schmidt on the columns of (B, C, n); what is not longer than `least` becomes zero."""
    basis: list[Tensor] = []
    for column in columns.unbind(2):
        for earlier in basis:
            column = column - (earlier * column).sum(dim=1, keepdim=True) * earlier
        basis.append(unit(column, dim=1, least=least))
    return torch.stack(basis, dim=2)


def singular_vectors(maps: Tensor, count: int) -> Tensor:
    """First right singular vectors of maps as matrices (positions, channels): (B, C, H, W) -> (B, C, count).

    By orthogonal iteration, since the usual decompositions wait for the device, and their gradients divide by
    the differences of singular values. Only the last rounds have a gradient: the beginning of the series
    whose limit is that division, and finite whatever the values. The sign of a vector is open; the sum of the
    first one is positive.
    """
    matrices = unit(maps.flatten(1), dim=1).reshape(*maps.shape[:2], -1)  # (B, C, positions), energy 1
    channels = torch.arange(matrices.shape[1], dtype=maps.dtype, device=maps.device) + 0.5
    waves = torch.arange(min(count, matrices.shape[1]), dtype=maps.dtype, device=maps.device)
    # Cosines to begin with. The first is constant, and near the goal, since maps after ReLU are not negative.
    vectors = torch.cos(torch.pi / len(channels) * channels[:, None] * waves).expand(len(maps), -1, -1)
    with torch.no_grad():
        for _ in range(ROUNDS):
            vectors = _orthonormal(matrices @ (matrices.mT @ vectors), least=1e-12)
    for _ in range(LAST_ROUNDS):
        vectors = _orthonormal(matrices @ (matrices.mT @ vectors), least=LEAST_SHARE)
    return vectors


def aligned(vectors: Tensor, goal: Tensor) -> Tensor:
    """Of `vectors` (B, C, n) that which is most like `goal` (B, C) or its opposite, so turned: (B, C)."""
    cosines = (vectors * goal.unsqueeze(2)).sum(dim=1)
    best = cosines.abs().argmax(dim=1, keepdim=True)  # (B, 1)
    # By a sum: the gradient of picking by number adds up in any order on CUDA.
    chosen = torch.arange(vectors.shape[2], device=vectors.device) == best
    return (vectors * (cosines.sign() * chosen).unsqueeze(1)).sum(dim=2)


def kdsvd_loss(student: list[Tensor], teacher: list[Tensor]) -> Tensor:
    """The squared difference of the kernels of consecutive stages' vectors, summed, the mean over samples.

    The kernel of two stages is exp(−(v_i − w_j)²/8) for each channel i of one and j of the other; the vectors
    are the first ones (k = 1), so the singular value that scales them is 1 once normalised. Sign and order,
    which a decomposition leaves open, are the teacher's. Tian et al. 2020 (arXiv:1910.10699) sum over
    channels and leave out the paper's ½, and so does this.

    student, teacher: as many stages each, (B, C_i, H, W) and (B, C_i, h, w) float. Returns a scalar.
    """
    with torch.no_grad():
        goals = [singular_vectors(stage, 1).squeeze(2) for stage in teacher]
    vectors = [
        aligned(singular_vectors(stage, CANDIDATES), goal) for stage, goal in zip(student, goals, strict=True)
    ]
    kernels = [
        # Less 1, which does not change a difference: all of them are near 1, and would lose their digits.
        [torch.expm1(-(w[:, :, None] - v[:, None, :]).square() / SPREAD) for v, w in pairwise(stages)]
        for stages in (vectors, goals)
    ]
    return sum((own - other).square().sum() for own, other in zip(*kernels, strict=True)) / len(student[0])


class Method(Distillation):
    """CE + `weight` · the difference of consecutive stages' kernels, over the stages of one resolution.

    The loss as it is, weight 1: Tian et al. 2020 (arXiv:1910.10699) compute it but publish no weight. In
    their code, RepDistiller, the signs of the teacher's vectors are whatever the library of linear algebra
    gives. Here they are fixed, and a short iteration takes the place of the decomposition.

    Vectors over channels are compared, so where the stages of a pair have not equally many, the student's go
    through a regressor of this method's own.

    `last_sum`: of a last stage that norm and ReLU close, as in a WRN, the maps ahead of them: RepDistiller's
    """

    NEEDS = ("stages",)
    WEIGHTS = (("kdsvd", "weight"),)

    weight: NonNegative = 1.0
    last_sum: bool = False

    def describe(self) -> str:
        """The loss as the table names it."""
        return f"CE + {self.weight:g}·KDSVD"

    def prepare(self, context: Context) -> None:
        """Choose the stages, and make regressors where they are needed."""
        student, teacher = context.student_stages, context.teacher_stages
        self.pairs = match_chain(context)
        self.maps = ComparedMaps(context, last_sum=self.last_sum)
        self.fits = nn.ModuleList(fit_channels(student[s], teacher[t]) for s, t in self.pairs)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy with the labels and difference of the kernels."""
        own, theirs = self.maps(batch)
        student = [fit(own[s]) for fit, (s, _) in zip(self.fits, self.pairs, strict=True)]
        teacher = [theirs[t] for _, t in self.pairs]
        return {
            "ce": batch.cross_entropy(batch.student.logits),
            "kdsvd": self.weight * kdsvd_loss(student, teacher),
        }
