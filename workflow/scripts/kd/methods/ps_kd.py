r"""Progressive self-knowledge distillation (PS-KD): Kim, Ji, Yoon & Hwang 2021 (arXiv:2006.12000).

Without a teacher: the student learns from what it predicted itself for the same image in the epoch before.
The weight of these predictions grows linearly over the training.

$$
    L = (1 - a)\,\text{CE}(y, q) + a\,\text{CE}(q', q), \quad a = \alpha\,\frac{e}{E}
$$

With q' of the epoch before, in epoch e (from 1) of E.

Code: lgcnsai/PS-KD-Pytorch (the authors').
"""

import torch
from torch import Tensor

from kd.distillation.base import Context, Distillation
from kd.distillation.batch import Batch
from kd.distillation.logits import log_probabilities
from kd.settings.types import Fraction


def self_loss(student: Tensor, earlier: Tensor) -> Tensor:
    """−Σ q' · log q, the cross-entropy with earlier probabilities.

    student: (B, C) float logits; earlier: (B, C) probabilities. Returns a scalar, in nats: mean over samples.
    """
    return -(earlier * log_probabilities(student, 1.0)).sum(dim=1).mean()


class Method(Distillation):
    """(1 − a) · CE(labels) + a · CE(predictions of the epoch before), a up to `alpha`; 0.8 as in the paper.

    Equation 6, where the target is the mixture. As in the authors' code the predictions are those made in
    passing, by the weights of their step and of the view that was shown then, and are kept for all samples,
    (N, C) float32. In the first epoch the labels take their place.

    `alpha`: weight of the earlier predictions in the last epoch
    """

    NEEDS = ()
    REMEMBERS_SAMPLES = True
    # Not for batch.labels, which it does not read: of a mixed image nothing could be kept for one sample.
    ONE_LABEL = True

    alpha: Fraction = 0.8

    def describe(self) -> str:
        """The loss as the table names it."""
        return f"(1 − a)·CE + a·CE with its own earlier predictions (PS-KD), a to {self.alpha:g}"

    def prepare(self, context: Context) -> None:
        """The predictions of all samples: at first their labels."""
        self.epochs = context.epochs
        classes = torch.arange(context.classes, device=context.labels.device)
        self.register_buffer("predictions", (context.labels[:, None] == classes).float())

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy with the labels, and with the earlier predictions, which are then replaced."""
        student = batch.student.logits
        earlier = self.predictions[batch.indices]
        share = self.alpha * (batch.epoch + 1) / self.epochs
        terms = {
            "ce": (1 - share) * batch.cross_entropy(student),
            "self": share * self_loss(student, earlier),
        }
        now = student.detach().softmax(dim=1).to(self.predictions.dtype)
        self.predictions.index_copy_(0, batch.indices, now)
        return terms
