r"""Label smoothing (LS): Szegedy et al. 2016 (arXiv:1512.00567), section 7.

A control without a teacher: every class gets a small share of the label's probability.

$$
    L = \text{CE}\left((1 - ε)\,y + \frac{ε}{C},\; q\right)
$$
"""

from torch import Tensor
from torch.nn import functional

from kd.distillation.base import Batch, Distillation
from kd.settings.types import Fraction


def smoothed_loss(student: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    """Cross-entropy with (1 − ε) · label + ε / C, so that each of the C classes has its share.

    student: (B, C) float logits; labels: (B,) int64. Returns a scalar, in nats: the mean over samples.
    """
    return functional.cross_entropy(student, labels, label_smoothing=smoothing)


class Method(Distillation):
    """Cross-entropy with smoothed labels; ε = 0.1 is the paper's.

    `smoothing`: share of the probability that is spread over all classes
    """

    NEEDS = ()
    ONE_LABEL = True
    ONLY_CE = True

    smoothing: Fraction = 0.1

    def describe(self) -> str:
        """The loss as the table names it."""
        return f"CE, labels smoothed by {self.smoothing:g}"

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """The cross-entropy alone."""
        return {"ce": smoothed_loss(batch.student.logits, batch.labels, self.smoothing)}
