r"""Universal self-knowledge distillation (USKD): Yang et al. 2023 (arXiv:2303.13005).

Without a teacher: soft labels made from the student itself. The label gets a weight by how well the student
fits the sample, compared with the batch. The other classes get Zipf's shares by their rank, on which the
student's classifier and an auxiliary one, on an earlier stage, agree.

$$
    \begin{split}
    L &= \text{CE}(y, q) - w_\text{target}\,v \log q_y \\
        &- w_\text{nontarget} \sum_{i \neq y} z_i \log \hat q_i \\
        &+ w_\text{weak}\,\text{CE}(\tilde y, q^\text{weak}) \\
    v_b &= 1 + q_{b,y}^2 - \frac{1}{B} \sum_a q_{a,y}^2
    \end{split}
$$

With q̂ without the labelled class, summing to 1; z of the class of rank k proportional to 1/k; the label ỹ
smoothed by 0.1; and v and z without a gradient.

Code: yzd-v/cls_KD (the authors').
"""

import torch
from torch import Tensor, nn

from kd.distillation.base import Context, Distillation
from kd.distillation.batch import Batch
from kd.distillation.features import pooled
from kd.distillation.logits import log_probabilities, of_label, of_others
from kd.errors import UserError
from kd.settings.types import NonNegative

SMOOTHING = 0.1  # of the labels that the auxiliary classifier learns, as in the authors' code


def target_loss(student: Tensor, labels: Tensor) -> Tensor:
    """−v · log q_y, v = 1 + q_y² − the batch's mean of q_y², without a gradient through v.

    student: (B, C) float logits; labels: (B,) int64. Returns a scalar, in nats: the mean over samples.
    """
    log_own = of_label(log_probabilities(student, 1.0), labels)
    squares = log_own.detach().exp().square()
    return -((1 + squares - squares.mean()) * log_own).mean()


@torch.no_grad()
def zipf_targets(student: Tensor, weak: Tensor, labels: Tensor) -> Tensor:
    """Shares of the classes beside the label, (B, C−1), in order: of rank k (1/k) / Σ_j (1/j).

    Ranked by the sum of both classifiers' probabilities, each normalised without the labelled class.

    student, weak: (B, C) float logits; labels: (B,) int64.
    """
    sums = sum(of_others(logits, labels).softmax(dim=1) for logits in (student, weak))
    ranks = sums.argsort(dim=1, descending=True, stable=True).argsort(dim=1, stable=True)
    shares = 1 / (ranks + 1).to(student.dtype)
    return shares / shares.sum(dim=1, keepdim=True)


def nontarget_loss(student: Tensor, weak: Tensor, labels: Tensor) -> Tensor:
    """−Σ z · log q̂ over the classes beside the label: shapes as in `zipf_targets`, a scalar in nats."""
    log_others = log_probabilities(of_others(student, labels), 1.0)
    return -(zipf_targets(student, weak, labels) * log_others).sum(dim=1).mean()


class Method(Distillation):
    """CE + `target_weight` · target + `nontarget_weight` · non-target + `weak_weight` · CE of the auxiliary.

    The defaults are the authors' for ResNet-18 on CIFAR-100: alpha, beta and mu 0.1. For ImageNet they have
    1, 0.1 and 0.005. The auxiliary classifier is a linear layer on the means of the last stage but one, and
    is gone when the training ends.

    The ranks are the paper's. The authors' code has log-probabilities in place of the final probabilities
    there, and ranks the labelled class too, whose rank is then left out.

    `target_weight`: weight of the labelled class (the paper's alpha)
    `nontarget_weight`: weight of the other classes (the paper's beta)
    `weak_weight`: weight of the auxiliary classifier's cross-entropy (the paper's mu)
    """

    NEEDS = ("own_stages",)
    ONE_LABEL = True
    WEIGHTS = (("target", "target_weight"), ("nontarget", "nontarget_weight"), ("weak", "weak_weight"))

    target_weight: NonNegative = 0.1
    nontarget_weight: NonNegative = 0.1
    weak_weight: NonNegative = 0.1

    def describe(self) -> str:
        """The loss as the table names it."""
        weights = f"{self.target_weight:g}·target + {self.nontarget_weight:g}·non-target"
        return f"CE + {weights} + {self.weak_weight:g}·weak CE (USKD)"

    def prepare(self, context: Context) -> None:
        """The auxiliary classifier."""
        if len(context.student_stages) < 2:
            raise UserError(
                "uskd needs a student with feature maps of two stages or more, and this one has one"
            )
        self.auxiliary = nn.Linear(context.student_stages[-2][0], context.classes)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy with the labels, and the student's own soft labels."""
        student, labels = batch.student.logits, batch.labels
        weak = self.auxiliary(pooled(batch.student.stages[-2]))
        return {
            "ce": batch.cross_entropy(student),
            "target": self.target_weight * target_loss(student, labels),
            "nontarget": self.nontarget_weight * nontarget_loss(student, weak, labels),
            "weak": self.weak_weight * batch.cross_entropy(weak, label_smoothing=SMOOTHING),
        }
