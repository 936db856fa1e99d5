r"""Overhaul of feature distillation (OFD): Heo et al. 2019 (arXiv:1904.01866).

Matches feature maps before their ReLUs, except where both networks are negative: after the ReLU such
differences have no effect.

$$
    L = \text{CE}(y, q) + w \sum_{l=1}^{n} 2^{l-n}\,d_p(r(A^s_l), \max(A^t_l, m)),
        \quad d_p(s, t) = \sum \begin{cases} 0 & s \le t \le 0 \\ (s - t)^2 & \text{else} \end{cases}
$$

With connectors r, and m the mean of what is negative in each channel of the teacher.

Code: clovaai/overhaul-distillation (the authors'), megvii-research/mdistiller.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from kd.distillation.activations import require_relu
from kd.distillation.base import Context, Distillation
from kd.distillation.batch import Batch
from kd.distillation.features import Regressor, match_stages, resized
from kd.distillation.pre_relu import BeforeReLU
from kd.settings.types import NonNegative


def partial_distance(student: Tensor, teacher: Tensor, margin: Tensor) -> Tensor:
    """The partial L2 distance d_p (equation 4) from the teacher's maps after the margin ReLU.

    With the target r = max(t, m), where m is the negative margin of each channel: (s − r)² where the teacher
    responds or the student is above its target, and 0 where s ≤ r ≤ 0.

    student, teacher: (B, C, H, W) before any ReLU; margin: (C,). Sum over neurons, mean over samples.
    """
    target = torch.maximum(teacher, margin[:, None, None])
    counts = (student > target) | (target > 0)
    return ((student - target).square() * counts).sum() / len(student)


class Margin(nn.Module):
    """m_C = E[t | t < 0] of each channel of the teacher; 0 where none is below 0.

    A mean over the images seen so far, one of the paper's two ways; the other takes it from the batch norm
    ahead of the ReLU, which not every stage has.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("seen", torch.zeros(channels))  # neurons below 0

    @torch.no_grad()
    def forward(self, teacher: Tensor) -> Tensor:
        """The margins (C,) when also the maps (B, C, H, W) are counted."""
        count = (teacher < 0).sum(dim=(0, 2, 3))
        self.seen += count
        below = teacher.clamp(max=0).sum(dim=(0, 2, 3))
        # So, and not as a sum over all that was seen, it stays exact in float32 however long it runs.
        self.mean += (below - count * self.mean) / self.seen.clamp(min=1)
        return self.mean.clone()  # the buffer will be written again


class Method(Distillation):
    """CE + `weight` · Σ ½^(n−i) · d_p over the compared stages i of n, the last one counting fully.

    Equation 6, as the authors' code for CIFAR (clovaai/overhaul-distillation) has it, with weight 1/1000.
    The student's maps go through a 1x1 convolution and norm, the teacher's through the margin ReLU. Where a
    stage ends with an addition, its maps are taken behind the norm of the next block, as there for WRN. Where
    no ReLU follows (a pooling, another activation, the last stage of pytorch-cifar's pre-activation ResNets),
    they are taken as they are. Their code has the margins from the norm ahead of the ReLU.

    As in their trainer and in mdistiller the teacher's batch norms are in train mode: they go by the batch at
    hand, as those of the student do (table 8 of the paper). In a sum the other methods see that teacher too.

    `teacher_mode`: mode of the teacher's batch norms; eval: by the statistics of its own training
    """

    NEEDS = ("stages",)
    ASKS_TEACHER = ("relu",)
    WEIGHTS = (("ofd", "weight"),)

    weight: NonNegative = 0.001
    teacher_mode: Literal["train", "eval"] = "train"

    @property
    def batch_statistics(self) -> bool:
        """Whether the teacher's batch norms are in train mode."""
        return self.teacher_mode == "train"

    def describe(self) -> str:
        """The loss as the table names it."""
        return f"CE + {self.weight:g}·OFD"

    def prepare(self, context: Context) -> None:
        """A connector from each of the student's stages to its partner, and the margins of that."""
        require_relu(context.teacher)
        student, teacher = context.student_stages, context.teacher_stages
        self.pairs = match_stages(student, teacher)
        self.connectors = nn.ModuleList(Regressor(student[one], teacher[other]) for one, other in self.pairs)
        self.margins = nn.ModuleList(Margin(teacher[other][0]) for _, other in self.pairs)
        self.of_student = BeforeReLU(context.student, context.image)
        self.of_teacher = BeforeReLU(context.teacher, context.image)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy with the labels, and the distances."""
        student, teacher = self.of_student(batch.student.stages), self.of_teacher(batch.teacher.stages)
        loss = 0.0
        for (one, other), connector, margin in zip(self.pairs, self.connectors, self.margins, strict=True):
            target = teacher[other]
            fitted = connector(resized(student[one], target.shape[2:]))
            loss = loss / 2 + partial_distance(fitted, target, margin(target))
        return {"ce": batch.cross_entropy(batch.student.logits), "ofd": self.weight * loss}
