r"""Reused teacher classifier (SimKD): Chen, Mei, Zhang, Wang, Wang, Feng & Chen 2022 (arXiv:2203.14001).

The student takes over the teacher's classifier, behind a projector. It learns only to match the teacher's
last feature maps.

$$
    L = w\,\text{MSE}(P(A^s), A^t)
$$

With the projector P and the last maps A; the classifier is the teacher's.

Code: DefangChen/SimKD (the authors').
"""

from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from kd.distillation.activations import append_stage, has_relu, require_maps
from kd.distillation.base import Context, Distillation, Shape
from kd.distillation.batch import Batch
from kd.distillation.features import resized
from kd.settings.types import Count, NonNegative


def feature_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """L_SimKD: mean squared difference of the projected maps from the teacher's, pooled if larger.

    student: (B, C, H, W), teacher: (B, C, h, w) with h, w no smaller. Returns a scalar.
    """
    return functional.mse_loss(student, resized(teacher, student.shape[2:]))


class _Resized(nn.Module):
    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.size = size

    def forward(self, maps: Tensor) -> Tensor:
        return resized(maps, self.size)


def _projector(source: Shape, target: Shape, middle: int, *, relu: bool) -> nn.Sequential:
    """1x1, 3x3 and 1x1 convolutions, each with norm and ReLU, on maps of the smaller size.

    Without the last `relu` it can reach the maps of a teacher that has none, which may be negative.
    """
    size = tuple(min(sides) for sides in zip(source[1:], target[1:], strict=True))
    parts: list[nn.Module] = [] if size == source[1:] else [_Resized(size)]
    for ins, outs, kernel in ((source[0], middle, 1), (middle, middle, 3), (middle, target[0], 1)):
        convolution = nn.Conv2d(ins, outs, kernel, padding=kernel // 2, bias=False)
        parts += [convolution, nn.BatchNorm2d(outs), nn.ReLU()]
    return nn.Sequential(*(parts if relu else parts[:-1]))


class Method(Distillation):
    """`weight` · mean squared difference of the last maps, and no other term; weight 1, `factor` 2.

    Loss, projector and both values are those of the authors' code (DefangChen/SimKD). Of a teacher without
    ReLU, whose maps may be negative, the projector ends without one too; theirs always has it. Of a student
    that cuts images into tokens the last ones, as maps, are projected; its class token and all that it has
    behind them is left out.
    The accuracy, parameters and file of such a student include the projector and the teacher's classifier.

    `factor`: the projector's inner channels are the teacher's, divided by this
    """

    NEEDS = ("stages", "network")
    ASKS_TEACHER = ("classifier", "maps")
    CHANGES_STUDENT = True
    ONE_ABOVE_ZERO = ("weight",)

    weight: NonNegative = 1.0
    factor: Count = 2

    def describe(self) -> str:
        """The loss as the table names it."""
        return f"{self.weight:g}·MSE of features, with the teacher's classifier"

    @staticmethod
    def change(student: nn.Module, facts: dict[str, Any]) -> None:
        """Append the projector as one more stage, and make room for the teacher's classifier."""
        source, target = tuple(facts["source"]), tuple(facts["target"])
        projector = _projector(source, target, facts["middle"], relu=facts.get("relu", True))
        append_stage(student, projector, channels=target[0])
        student.classifier.requires_grad_(False)

    def prepare(self, context: Context) -> None:
        """Give the student its projector and the teacher's classifier, which stays as it is."""
        source, target = context.student_stages[-1], context.teacher_stages[-1]
        require_maps(teacher=context.teacher)
        facts = {"source": source, "target": target, "middle": max(1, target[0] // self.factor)}
        facts |= {} if has_relu(context.teacher) else {"relu": False}
        self.changes = {"simkd": facts}
        self.change(context.student, facts)
        context.student.classifier.load_state_dict(context.teacher.classifier.state_dict())

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """The distance of the maps that the one classifier sees."""
        return {"features": self.weight * feature_loss(batch.student.stages[-1], batch.teacher.stages[-1])}
