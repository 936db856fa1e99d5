r"""Activation boundaries (AB): Heo, Lee, Yun & Choi 2019 (arXiv:1811.03233).

In separate first epochs the student learns which neurons of the teacher are active (positive before the
ReLU). Then it is trained as in `kd`.

$$
    L_1 = \frac{3}{1000} \sum_{l=1}^{n} 2^{l-n} \sum \text{relu}(μ - e\,r(A^s_l))^2,
        \qquad L_2 = w_\text{ce}\,\text{CE}(y, q) + w_\text{kd}\,T^2\,\text{KL}(p_T \| q_T)
$$

With e = +1 where the teacher's neuron responds and −1 where not, connectors r, and μ = `margin`.

Code: bhheo/AB_distillation (the authors'), HobbitLong/RepDistiller.
"""

from torch import Tensor, nn
from torch.nn import functional

from kd.distillation.activations import require_relu
from kd.distillation.base import Context, Distillation
from kd.distillation.batch import Batch
from kd.distillation.features import Regressor, match_stages, resized
from kd.distillation.pre_relu import BeforeReLU
from kd.methods.kd import kd_loss
from kd.settings.types import Count, NonNegative, Positive

SCALE = 3 / 1000  # of the authors' code


def boundary_loss(student: Tensor, teacher: Tensor, margin: float) -> Tensor:
    """The paper's alternative transfer loss (equation 7), Σ over neurons, as a mean over samples.

    Where the teacher's neuron responds relu(μ − s)², where it does not relu(μ + s)². Of the teacher only the
    side of the boundary counts, whether its response before the ReLU is positive.

    student: (B, C, H, W) before any ReLU; teacher: the same shape. Sum over neurons, mean over samples.
    """
    side = teacher.sign().clamp(min=0) * 2 - 1  # +1 or −1
    return functional.relu(margin - side * student).square().sum() / len(student)


class Method(Distillation):
    """`init_epochs` of the boundary loss alone; then `ce_weight` · CE + `kd_weight` · T² · KL.

    Follows the authors' code (bhheo/AB_distillation) in the first part, as RepDistiller does, which has 30
    epochs: the last stage counts fully, the one before half, and so on, all times 3/1000, with a margin of 1.
    Maps are those before the ReLU, behind the norm of the next block where a stage ends with an addition
    (WRN, pre-activation ResNets). The student's go through a connector, a 1x1 convolution and norm, but not
    where both have one shape: then its own neurons are to respond as the teacher's. The teacher is in eval
    mode, as in RepDistiller; in the authors' code it is in train mode in the first part.

    The second part is `kd` with its defaults, so that the difference from `kd` is the first part. The
    authors' code has KL alone there, at T = 3 and without T²: {ce_weight: 0, kd_weight: 0.111, temperature:
    3}. RepDistiller has CE alone: {ce_weight: 1, kd_weight: 0}.

    `margin`: distance from 0 that the student's neuron is to have on the teacher's side
    `before_relu`: false: maps as the stages put them out, with a connector for each
    """

    NEEDS = ("logits", "stages")
    ASKS_TEACHER = ("relu",)
    ONE_ABOVE_ZERO = ("ce_weight", "kd_weight")
    WEIGHTS = (("kd", "kd_weight"),)

    init_epochs: Count = 30
    init_lr: Positive | None = None
    margin: Positive = 1.0
    before_relu: bool = True
    temperature: Positive = 4.0
    ce_weight: NonNegative = 0.1
    kd_weight: NonNegative = 0.9

    def describe(self) -> str:
        """The loss as the table names it."""
        later = f"{self.ce_weight:g}·CE + {self.kd_weight:g}·T²·KL, T={self.temperature:g}"
        return f"AB ({self.preliminary} epochs), then {later}"

    def prepare(self, context: Context) -> None:
        """A connector (1x1 convolution and norm) from each of the student's stages to its partner."""
        require_relu(context.teacher)
        student, teacher = context.student_stages, context.teacher_stages
        self.pairs = match_stages(student, teacher)
        shapes = [(student[one], teacher[other]) for one, other in self.pairs]
        self.connectors = nn.ModuleList(
            # What comes after a ReLU could not be on the far side of the boundary.
            nn.Identity() if self.before_relu and source == target else Regressor(source, target)
            for source, target in shapes
        )
        if self.before_relu:
            self.of_student = BeforeReLU(context.student, context.image)
            self.of_teacher = BeforeReLU(context.teacher, context.image)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """The boundaries, in preliminary epochs; after those the classes."""
        if batch.preliminary:
            return {"boundaries": self._boundaries(batch)}
        if self.before_relu:  # what were heard and not used would keep the graph of its step alive
            self.of_student.close()
            self.of_teacher.close()
        student, teacher = batch.student.logits, batch.teacher.logits
        return {
            "ce": self.ce_weight * batch.cross_entropy(student),
            "kd": self.kd_weight * kd_loss(student, teacher, self.temperature),
        }

    def _boundaries(self, batch: Batch) -> Tensor:
        student, teacher = batch.student.stages, batch.teacher.stages
        if self.before_relu:
            student, teacher = self.of_student(student), self.of_teacher(teacher)
        loss, weight = 0.0, SCALE
        for connector, (one, other) in reversed(list(zip(self.connectors, self.pairs, strict=True))):
            target = teacher[other]
            fitted = connector(resized(student[one], target.shape[2:]))
            loss = loss + weight * boundary_loss(fitted, target, self.margin)
            weight /= 2
        return loss
