r"""Prime-aware adaptive distillation (PAD-L2): Zhang, Lan, Dai, Zeng, Bai, Chang & Wei 2020.

arXiv:2008.01458. Matches the last features, with a learnt weight for each sample and dimension. It follows
from an uncertainty that the student's own features predict: what cannot be matched counts less.

$$
    L = \text{CE}(y, q) + w\,\text{mean}\left( \frac{(f^t - r(f^s))^2}{\sigma^2} + \log \sigma^2 \right)
$$

With the fit r to the teacher's dimensions, and the variance that a layer computes from r(fˢ).

Code: yoshitomo-matsubara/torchdistill, which has the loss from code that the authors provided.
"""

import torch
from torch import Tensor, nn

from kd.distillation.base import Context, Distillation
from kd.distillation.batch import Batch
from kd.settings.types import NonNegative, Probability

LEAST_VARIANCE = 1e-6


def pad_loss(student: Tensor, teacher: Tensor, log_variance: Tensor) -> Tensor:
    """(t − s)²/v + log v for a variance v, the paper's L_PAD-L2: the mean over dimensions and samples.

    The paper's is a sum over dimensions, without a constant; its authors' code has the mean, and 10⁻⁶ is
    added to the variance.

    student, teacher, log_variance: (B, D) float. Returns a scalar, in nats; it may be negative.
    """
    squares = (teacher - student).square()
    return (squares / (log_variance.exp() + LEAST_VARIANCE) + log_variance).mean()


class Method(Distillation):
    """CE + `weight` · the mean squared difference at first, then `weight` · the weighted one.

    The paper starts from a student that has learnt with the plain difference, since the variance of an
    untrained one means nothing. In the published recipe that takes 100 of 130 epochs, at a learning rate that
    is a hundredth in the last 30: so here 0.77 of the epochs. The weight is 1. The variance is predicted by a
    linear layer with batch norm. Features of unlike widths are fitted by a linear layer. Both are gone when
    the training ends.

    `plain_share`: share of the epochs, the first ones, that have the plain difference
    """

    NEEDS = ("stages",)
    WEIGHTS = (("pad", "weight"),)

    weight: NonNegative = 1.0
    plain_share: Probability = 0.77

    def describe(self) -> str:
        """The loss as the table names it."""
        return f"CE + {self.weight:g}·PAD-L2 ({self.plain_share:g} of the epochs L2)"

    def prepare(self, context: Context) -> None:
        """The fit where it is needed, what predicts the variance, and when that begins to count."""
        source, target = context.student_stages[-1][0], context.teacher_stages[-1][0]
        self.fit = nn.Identity() if source == target else nn.Linear(source, target)
        self.log_variance = nn.Sequential(nn.Linear(target, target), nn.BatchNorm1d(target))
        self.plain_epochs = round(self.plain_share * context.epochs)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy with the labels, and the difference of the features as the epoch has it."""
        student, teacher = self.fit(batch.student.features), batch.teacher.features
        # Both, for a replayed step cannot choose. With a variance of 1 the weighted one is the plain one.
        weighted = batch.epoch >= self.plain_epochs
        log_variance = torch.where(weighted, self.log_variance(student), 0)
        loss = pad_loss(student, teacher, log_variance)
        return {"ce": batch.cross_entropy(batch.student.logits), "pad": self.weight * loss}
