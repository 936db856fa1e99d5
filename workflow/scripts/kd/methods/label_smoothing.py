r"""Label smoothing (LS): Szegedy et al. 2016 (arXiv:1512.00567), section 7.

A control without a teacher: every class gets a small share of the label's probability.

$$
    L = \text{CE}\left((1 - ε)\,y + \frac{ε}{C},\; q\right)
$$

Code: none is published by the authors; yuanli2333/Teacher-free-Knowledge-Distillation (a variant).
"""

from torch import Tensor

from kd.distillation.base import Distillation
from kd.distillation.batch import Batch
from kd.settings.types import Fraction


class Method(Distillation):
    """Cross-entropy with smoothed labels; ε = 0.1 is the paper's.

    As in the paper and in PyTorch every class gets ε/C, the label's among them. In the code of Tf-KD's
    authors each other class gets ε/(C − 1), and the label none of it.

    `smoothing`: share of the probability that is spread over all classes
    """

    NEEDS = ()
    ONLY_CE = True

    smoothing: Fraction = 0.1

    def describe(self) -> str:
        """The loss as the table names it."""
        return f"CE, labels smoothed by {self.smoothing:g}"

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """The cross-entropy alone."""
        return {"ce": batch.cross_entropy(batch.student.logits, label_smoothing=self.smoothing)}
