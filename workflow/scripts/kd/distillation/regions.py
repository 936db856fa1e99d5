"""Logits of regions of an image: a network's classifier on the means of parts of its last maps.

Scale decoupled distillation: Wei, Luo & Luo 2024 (arXiv:2403.13512). Any loss of logits can be used with it.
"""

from collections.abc import Sequence
from math import ceil

import torch
from torch import Tensor, nn

from kd.distillation.activations import require_maps
from kd.distillation.base import Context, Distillation
from kd.distillation.batch import Batch, Output, float32_at_least
from kd.errors import UserError


def region_means(side: int, parts: int) -> Tensor:
    """(parts, side) float32, whose product with a column of pixels is the mean of each part of it.

    The parts are those of adaptive average pooling, whose gradient on a GPU adds in no fixed order.
    """
    means = torch.zeros(parts, side)
    for part in range(parts):
        first, end = part * side // parts, ceil((part + 1) * side / parts)
        means[part, first:end] = 1 / (end - first)
    return means


class Regions(nn.Module):
    """Maps (B, D, H, W) of this size cut at several scales, 1 the first of them: means (R, B, D).

    The paper pools the classifier's maps (equations 6 and 7), which is the same, since it is linear.
    As in the authors' code all are means of those of the finest scale.
    """

    def __init__(self, height: int, width: int, scales: Sequence[int]) -> None:
        super().__init__()
        finest = max(scales)
        rows, columns = (
            [region_means(finest, scale) @ region_means(side, finest) for scale in scales]
            for side in (height, width)
        )
        # (R, H · W): a part's share of each pixel.
        shares = [
            torch.einsum("ih,jw->ijhw", *pair).flatten(2).flatten(0, 1)
            for pair in zip(rows, columns, strict=True)
        ]
        self.register_buffer("shares", torch.cat(shares), persistent=False)

    def forward(self, maps: Tensor) -> Tensor:
        """The means of all regions, those of scale 1 first: (R, B, D)."""
        return (maps.flatten(2) @ self.shares.T).movedim(2, 0)


def weights_of(teacher: Tensor, labels: Tensor, complementary: float) -> Tensor:
    """1 where the teacher is as right about a region as about the whole image, else `complementary`: (R, B).

    `complementary` is beta of the paper's equation 10.

    teacher: (R, B, C) logits, of the whole image first; labels: (B,) int64.
    """
    right = teacher.argmax(dim=2) == labels
    return torch.where(right == right[0], 1.0, complementary)


class Regional(Distillation):
    """A method that compares the logits of regions; a subclass has `scales` and `complementary` as options.

    It needs both networks' last maps, and the teacher itself for its classifier.
    """

    scales: Sequence[int]
    complementary: float

    def prepare(self, context: Context) -> None:
        """The regions of both networks' last maps, and the classifiers, which stay the networks' own."""
        shapes = context.student_stages[-1], context.teacher_stages[-1]
        require_maps(student=context.student, teacher=context.teacher)
        smallest = min(min(shape[1:]) for shape in shapes)
        scales = [1, *sorted({scale for scale in self.scales if 1 < scale <= smallest})]
        if len(scales) == 1:
            raise UserError(
                f"this method compares regions of the last maps, whose smaller side has {smallest} pixels;"
                f" none of the scales ({', '.join(map(str, self.scales))}) above 1 fits"
            )
        self.regions = nn.ModuleList(Regions(*shape[1:], scales) for shape in shapes)
        # In a tuple, for they are the networks', which train and keep them.
        self._classifiers = (context.student.classifier, context.teacher.classifier)

    def regional(self, batch: Batch, labels: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Of all regions the student's and the teacher's logits, the labels, and the weights.

        (R · B, C) float32 twice, (R · B,) int64 and float32: those of the whole images are the first B.
        Networks in float64 have logits in float64.
        """
        student = self._logits(batch, 0, batch.student)
        with torch.no_grad():
            teacher = self._logits(batch, 1, batch.teacher)
        weights = weights_of(teacher, labels, self.complementary).flatten()
        return student.flatten(0, 1), teacher.flatten(0, 1), labels.repeat(len(student)), weights

    def _logits(self, batch: Batch, number: int, output: Output) -> Tensor:
        with batch.autocast():
            logits = self._classifiers[number](self.regions[number](output.stages[-1]))
        return float32_at_least(logits)
