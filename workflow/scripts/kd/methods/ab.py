r"""Activation boundaries (AB): Heo, Lee, Yun & Choi 2019 (arXiv:1811.03233).

In separate first epochs the student learns which neurons of the teacher are active (positive before the
ReLU). Then it is trained as in `kd`.

$$
    L_1 = \frac{3}{1000} \sum_{l=1}^{n} 2^{l-n} \sum \text{relu}(μ - e\,r(A^s_l))^2,
        \qquad L_2 = w_\text{ce}\,\text{CE}(y, q) + w_\text{kd}\,T^2\,\text{KL}(p_T \| q_T)
$$

With e = +1 where the teacher's neuron responds and −1 where not, connectors r, and μ = `margin`.
"""

from torch import Tensor, nn
from torch.nn import functional

from kd.distillation.activations import require_relu
from kd.distillation.base import Batch, Context, Distillation
from kd.distillation.features import Regressor, match_stages, resized
from kd.methods.kd import kd_loss
from kd.settings.types import Count, NonNegative, Positive

SCALE = 3 / 1000  # of the authors' code


def boundary_loss(student: Tensor, teacher: Tensor, margin: float) -> Tensor:
    """The paper's alternative transfer loss, Σ over neurons, as a mean over samples.

    Where the teacher's neuron responds relu(μ − s)², where it does not relu(μ + s)². Of the teacher only the
    side of the boundary counts, whether its response before the ReLU is positive, and what a stage puts out
    after its ReLU says as much. Some stages end without one (in pre-activation ResNets all, in DenseNet all
    but the last): there a norm stands before the next ReLU, and the sign is near the boundary, not on it.

    student: (B, C, H, W) before any ReLU; teacher: the same shape. Sum over neurons, mean over samples.
    """
    side = teacher.sign().clamp(min=0) * 2 - 1  # +1 or −1
    return functional.relu(margin - side * student).square().sum() / len(student)


class Method(Distillation):
    """`init_epochs` of the boundary loss alone; then `ce_weight` · CE + `kd_weight` · T² · KL.

    The last stage counts fully, the one before half, and so on, all times 3/1000, with a margin of 1: the
    authors' code; RepDistiller has the same, and 30 epochs. The second part is `kd` with its defaults, where
    the authors' code has KL alone, at T = 3.

    `margin`: distance from 0 that the student's neuron is to have on the teacher's side
    """

    NEEDS = ("logits", "stages")
    ASKS_TEACHER = ("relu",)
    ONE_ABOVE_ZERO = ("ce_weight", "kd_weight")

    init_epochs: Count = 30
    margin: Positive = 1.0
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
        self.connectors = nn.ModuleList(Regressor(student[one], teacher[other]) for one, other in self.pairs)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """The boundaries, in preliminary epochs; after those the classes."""
        if batch.preliminary:
            return {"boundaries": self._boundaries(batch)}
        student, teacher = batch.student.logits, batch.teacher.logits
        return {
            "ce": self.ce_weight * batch.cross_entropy(student),
            "kd": self.kd_weight * kd_loss(student, teacher, self.temperature),
        }

    def _boundaries(self, batch: Batch) -> Tensor:
        loss, weight = 0.0, SCALE
        for connector, (one, other) in reversed(list(zip(self.connectors, self.pairs, strict=True))):
            target = batch.teacher.stages[other]
            fitted = connector(resized(batch.student.stages[one], target.shape[2:]))
            loss = loss + weight * boundary_loss(fitted, target, self.margin)
            weight /= 2
        return loss
