r"""Knowledge review (ReviewKD): Chen, Liu, Zhao & Jia 2021, "Distilling Knowledge via Knowledge Review".

arXiv:2104.09044. Each feature map of the teacher is matched by the student's map fused with its deeper ones.

$$
    \begin{split}
    L &= \text{CE}(y, q) + u\,w \sum_l \frac{1}{\sum_k 2^{-k}} D_l \\
    D_l &= \sum_k 2^{-k}\,\text{MSE}(\text{pool}_k(R^s_l), \text{pool}_k(A^t_l))
    \end{split}
$$

With R, stage l fused with the deeper ones, and u = min(1, epoch / `warm_up`).

Code: dvlab-research/ReviewKD (the authors'), megvii-research/mdistiller.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from kd.distillation.base import Context, Distillation, Shape
from kd.distillation.batch import Batch
from kd.distillation.features import match_stages, resized
from kd.distillation.pre_relu import BeforeReLU
from kd.settings.types import NonNegative, Positive

LEVELS = (4, 2, 1)  # sides of the pooled maps of the context loss
WIDEST = 512  # channels in which features are fused, at most


def context_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Hierarchical context loss (section 3.3, figure 3b): mean squared difference, full and pooled to LEVELS.

    The level after the first counts half, the next a quarter, and so on, and all is divided by the sum of
    these weights; the authors' code has them, the paper does not name them. A level that is not smaller
    than the maps is left out.

    student, teacher: (B, C, H, W). Returns a scalar.
    """
    loss, weight, total = functional.mse_loss(student, teacher), 1.0, 1.0
    for side in LEVELS:
        if side < min(student.shape[2:]):
            weight /= 2
            total += weight
            pooled = [resized(maps, (side, side)) for maps in (student, teacher)]
            loss = loss + weight * functional.mse_loss(*pooled)
    return loss / total


class Fusion(nn.Module):
    """Attention-based fusion (section 3.3, figure 3a) of a stage with what comes from the deeper ones."""

    def __init__(self, source: int, middle: int, target: Shape, deepest: bool) -> None:
        super().__init__()
        self.size = target[1:]
        self.enter = nn.Sequential(nn.Conv2d(source, middle, 1, bias=False), nn.BatchNorm2d(middle))
        self.leave = nn.Sequential(
            nn.Conv2d(middle, target[0], 3, padding=1, bias=False), nn.BatchNorm2d(target[0])
        )
        self.attend = None if deepest else nn.Sequential(nn.Conv2d(2 * middle, 2, 1), nn.Sigmoid())
        for convolution in (self.enter[0], self.leave[0]):
            nn.init.kaiming_uniform_(convolution.weight, a=1)  # as the authors do

    def forward(self, stage: Tensor, deeper: Tensor | None) -> tuple[Tensor, Tensor]:
        """What is compared with the teacher, at its shape, and what the next stage is fused with."""
        fused = self.enter(stage)
        if self.attend is not None:
            deeper = functional.interpolate(deeper, fused.shape[2:])
            own, other = self.attend(torch.cat([fused, deeper], dim=1)).split(1, dim=1)  # (B, 1, H, W) each
            fused = fused * own + deeper * other
        fused = functional.interpolate(fused, self.size)
        return self.leave(fused), fused


class Method(Distillation):
    """CE + `weight` · Σ context losses (equation 11), which reach their weight in `warm_up` epochs.

    Follows the authors' code (dvlab-research/ReviewKD): the student's maps as its stages put them out, the
    teacher's before the ReLU, behind the norm of the next block where a stage ends with an addition. The
    pooled last stage is one more, deepest level, of what both put out. Weight 1 is that of its resnet110 →
    resnet32; the others for CIFAR-100 are 0.6 (resnet56 → resnet20), 5 (wrn and resnet32x4 pairs) and 8
    (→ shufflenetv2). mdistiller has other weights too. 20 epochs of warm-up are both's. The authors count
    epochs from 0, so that the first has no such loss; mdistiller counts from 1, as here.

    `warm_up`: epochs in which the weight rises linearly
    `before_relu`: false: the teacher's maps too as its stages put them out
    """

    NEEDS = ("stages",)
    WEIGHTS = (("review", "weight"),)

    weight: NonNegative = 1.0
    warm_up: Positive = 20.0
    before_relu: bool = True

    def describe(self) -> str:
        """The loss as the table names it."""
        return f"CE + {self.weight:g}·ReviewKD, warm-up {self.warm_up:g} epochs"

    def prepare(self, context: Context) -> None:
        """One fusion per pair of stages and one for the pooled last ones, the deepest first."""
        student, teacher = context.student_stages, context.teacher_stages
        self.pairs = match_stages(student, teacher)[::-1]
        shapes = [(student[-1][0], (teacher[-1][0], 1, 1))]
        shapes += [(student[one][0], teacher[other]) for one, other in self.pairs]
        if self.before_relu:
            self.of_teacher = BeforeReLU(context.teacher, context.image)
        middle = min(WIDEST, student[-1][0])
        self.fusions = nn.ModuleList(
            Fusion(source, middle, target, deepest=not index) for index, (source, target) in enumerate(shapes)
        )

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy with the labels, and the review."""
        student, teacher = batch.student, batch.teacher
        of_teacher = self.of_teacher(teacher.stages) if self.before_relu else teacher.stages
        own, others = zip(*self.pairs, strict=True)
        review = self._review([_deepest(student.stages), *(student.stages[one] for one in own)])
        targets = [_deepest(teacher.stages), *(of_teacher[other] for other in others)]
        loss = sum(context_loss(*pair) for pair in zip(review, targets, strict=True))
        grown = batch.grown(self.warm_up)
        return {
            "ce": batch.cross_entropy(student.logits),
            "review": self.weight * grown * loss,
        }

    def _review(self, levels: Sequence[Tensor]) -> list[Tensor]:
        """The student's levels, deepest first, each fused with all before it."""
        fused, deeper = [], None
        for fusion, stage in zip(self.fusions, levels, strict=True):
            compared, deeper = fusion(stage, deeper)
            fused.append(compared)
        return fused


def _deepest(stages: Sequence[Tensor]) -> Tensor:
    """The pooled last stage (B, C, 1, 1)."""
    return stages[-1].mean(dim=(2, 3), keepdim=True)
