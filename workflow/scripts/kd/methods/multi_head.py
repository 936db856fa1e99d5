r"""Multi-teacher distillation (multi-head): You, Xu, Xu & Tao 2017 (KDD).

doi:10.1145/3097983.3098135. "Learning from Multiple Teacher Networks". The student learns from the averaged
logits of an ensemble. In addition it has a linear head for each teacher on its last features. So disagreement
between the teachers is not averaged away.

$$
    \begin{split}
    L &= w_\text{ce}\,\text{CE}(y, q) + w_\text{kd}\,T^2\,\text{KL}(p_T \| q_T) \\
        &+ \frac{w_\text{head}}{M} \sum_m T^2\,\text{KL}(p_{m,T} \| q_{m,T})
    \end{split}
$$

With p of the mean of the M teachers' logits, p_m of each of them, and q_m of its head.

Code: none is published, and the heads are this project's own design.
"""

from torch import Tensor, nn

from kd.distillation.base import Context, Distillation
from kd.distillation.batch import Batch
from kd.methods.kd import kd_loss
from kd.settings.types import NonNegative, Positive


class Method(Distillation):
    """CE + `kd_weight` · KL from the mean of the teachers + `head_weight` · mean over heads of each one's KL.

    After the paper's idea, not its formulas: that averages the teachers' softened probabilities, and takes
    relations of images from their hidden layers. The heads are of use in training alone: the student keeps
    its own classifier and size.

    `head_weight`: weight of the mean divergence of the heads from their teachers
    """

    NEEDS = ("members", "own_stages")
    ONE_ABOVE_ZERO = ("ce_weight", "kd_weight", "head_weight")
    WEIGHTS = (("kd", "kd_weight"), ("heads", "head_weight"))

    temperature: Positive = 4.0
    ce_weight: NonNegative = 0.1
    kd_weight: NonNegative = 0.9
    head_weight: NonNegative = 0.9

    def describe(self) -> str:
        """The loss as the table names it."""
        terms = f"{self.kd_weight:g}·T²·KL + {self.head_weight:g}·T²·KL of heads"
        return f"{self.ce_weight:g}·CE + {terms}, T={self.temperature:g}"

    def prepare(self, context: Context) -> None:
        """A linear head for each of the teacher's networks."""
        features = context.student_stages[-1][0]
        self.heads = nn.ModuleList(nn.Linear(features, context.classes) for _ in range(context.members))

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy with the labels, and divergence from the mean and from each teacher."""
        student, teacher = batch.student, batch.teacher
        features = student.features
        apart = [
            kd_loss(head(features), target, self.temperature)
            for head, target in zip(self.heads, teacher.members, strict=True)
        ]
        return {
            "ce": self.ce_weight * batch.cross_entropy(student.logits),
            "kd": self.kd_weight * kd_loss(student.logits, teacher.logits, self.temperature),
            "heads": self.head_weight * sum(apart) / len(apart),
        }
