r"""Softmax regression representation learning (SRRL): Yang, Martinez, Bulat & Tzimiropoulos, ICLR 2021.

openreview.net/forum?id=ZzwDy_wiWv. Matches the last features, and the logits that the teacher's classifier
computes from them.

$$
    \begin{split}
    L &= \text{CE}(y, q) + w_\text{feature}\,\text{MSE}(r(f^s), f^t) \\
        &+ w_\text{regression}\,\text{MSE}(W^t r(f^s), W^t f^t)
    \end{split}
$$

With the connector r, the last features f, and the teacher's classifier Wᵗ.

Code: jingyang2017/KD_SRRL (the authors').
"""

from copy import deepcopy

from torch import Tensor, nn
from torch.nn import functional

from kd.distillation.activations import has_relu
from kd.distillation.base import Context, Distillation
from kd.distillation.batch import Batch
from kd.distillation.features import Regressor, pooled
from kd.settings.types import NonNegative


def srrl_losses(student: Tensor, teacher: Tensor, outputs: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Feature matching L_FM and softmax regression L_SR of the paper, both as mean squared differences.

    The paper's norms are sums; the authors' code takes the mean over channels, or classes, and samples.

    student, teacher: (B, D) features, pooled; outputs, target: (B, C) the teacher's classifier on them.
    """
    return functional.mse_loss(student, teacher), functional.mse_loss(outputs, target)


class Method(Distillation):
    """CE + `feature_weight` · L_FM + `regression_weight` · L_SR; both weights 1, as in the authors' code.

    `feature_weight`: weight of the difference of the features
    `regression_weight`: weight of the difference of the logits that the teacher's classifier computes
    """

    NEEDS = ("stages", "network")
    ASKS_TEACHER = ("classifier",)
    WEIGHTS = (("features", "feature_weight"), ("regression", "regression_weight"))

    feature_weight: NonNegative = 1.0
    regression_weight: NonNegative = 1.0

    def describe(self) -> str:
        """The loss as the table names it."""
        return f"CE + {self.feature_weight:g}·FM + {self.regression_weight:g}·SR"

    def prepare(self, context: Context) -> None:
        """The connector (1x1 convolution, norm, ReLU), and a copy of the teacher's classifier that stays.

        Of a teacher without ReLU, whose features may be negative, the connector has none either.
        """
        source, target = context.student_stages[-1], context.teacher_stages[-1]
        last = nn.ReLU() if has_relu(context.teacher) else nn.Identity()
        self.connector = nn.Sequential(Regressor(source, target), last)
        self.classifier = deepcopy(context.teacher.classifier).requires_grad_(False)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy with the labels, distance of the features, and of what they are classified as."""
        student, teacher = batch.student, batch.teacher
        seen = student.stages[-1] if student.read is None else student.read[:, :, None, None]
        features = pooled(self.connector(seen))
        matching, regression = srrl_losses(
            features, teacher.features, self.classifier(features), teacher.logits
        )
        return {
            "ce": batch.cross_entropy(student.logits),
            "features": self.feature_weight * matching,
            "regression": self.regression_weight * regression,
        }
