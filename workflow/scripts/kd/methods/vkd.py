r"""Orthogonal projections (VkD): Miles, Elezi & Deng 2024 (arXiv:2403.06213).

"VkD: Improving Knowledge Distillation using Orthogonal Projections". Matches the last features behind a
projection that keeps lengths and angles, so that the student itself has to learn what the teacher knows.

$$
    L = \text{CE}(y, q) + w\,h\left( P f^s - n(f^t) \right) + w_\text{kd}\,T^2\,\text{KL}(p_T \| q_T),
        \quad P^\top P = I
$$

With the orthogonal P, layer norm n without scale and shift, and the Huber loss h, a mean.

Code: roymiles/VkD (the authors').
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from kd.distillation.base import Context, Distillation
from kd.distillation.batch import Batch
from kd.methods.kd import added_kd, named_kd
from kd.settings.types import NonNegative, Positive

DEGREE, SQUARINGS = 10, 5  # of the exponential: exact in float32 for a matrix of norm up to 32


def vkd_loss(projected: Tensor, teacher: Tensor) -> Tensor:
    """Huber loss (threshold 1) of the projected features and the teacher's, standardised in each sample.

    The normalisation is the paper's for classification, the loss that of the authors' code (engine.py).

    projected, teacher: (B, D) float. Returns a scalar.
    """
    return functional.smooth_l1_loss(projected, functional.layer_norm(teacher, teacher.shape[1:]))


def exponential(matrix: Tensor) -> Tensor:
    """exp of a square matrix: its Taylor series at matrix/2^SQUARINGS, squared as often.

    torch.matrix_exp reads the norm back to the host, which no step may do.
    """
    scaled = matrix / 2**SQUARINGS
    identity = torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device)
    power = identity
    for place in range(DEGREE, 0, -1):
        power = identity + scaled @ power / place
    for _ in range(SQUARINGS):
        power = power @ power
    return power


class OrthogonalProjection(nn.Module):
    """A linear layer without bias whose rows or columns, whichever are fewer, stay orthonormal.

    As torch.nn.utils.parametrizations.orthogonal has it: a fixed random rotation times the exponential of a
    skew-symmetric matrix, of which one triangle is learnt. It begins as that rotation.
    """

    def __init__(self, ins: int, outs: int) -> None:
        super().__init__()
        large, small = max(ins, outs), min(ins, outs)
        self.transposed = outs < ins
        self.triangle = nn.Parameter(torch.zeros(large, small))
        self.register_buffer("start", nn.init.orthogonal_(torch.empty(large, large)))

    def weight(self) -> Tensor:
        """(outs, ins)."""
        large, small = self.triangle.shape
        lower = functional.pad(self.triangle.tril(), (0, large - small))
        columns = self.start @ exponential(lower - lower.T)[:, :small]
        return columns.T if self.transposed else columns

    def forward(self, features: Tensor) -> Tensor:
        """(B, ins) -> (B, outs)."""
        return functional.linear(features, self.weight())


class Method(Distillation):
    """CE + `weight` · the difference of the features + `kd_weight` · T² · KL.

    The authors' code is for transformers on ImageNet: weight 1, and KL of weight 1 at T = 1, which a
    distillation token of its own learns. A network without one has CE and KL on the same logits, as here.
    The projection is gone when the training ends. One of n dimensions costs about 15 products of n x n
    matrices in every step.
    """

    NEEDS = ("stages",)
    WEIGHTS = (("vkd", "weight"),)

    weight: NonNegative = 1.0
    kd_weight: NonNegative = 1.0
    temperature: Positive = 1.0

    def describe(self) -> str:
        """The loss as the table names it."""
        return f"CE + {self.weight:g}·VkD{named_kd(self.kd_weight, self.temperature)}"

    def prepare(self, context: Context) -> None:
        """Make the projection."""
        self.project = OrthogonalProjection(context.student_stages[-1][0], context.teacher_stages[-1][0])

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy with the labels, difference of the features, divergence of the logits."""
        student, teacher = batch.student, batch.teacher
        loss = vkd_loss(self.project(student.features), teacher.features)
        own = {"ce": batch.cross_entropy(student.logits), "vkd": self.weight * loss}
        return own | added_kd(batch, self.kd_weight, self.temperature)
