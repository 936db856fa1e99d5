r"""Cross-entropy (CE): Bridle 1990 (in: Neurocomputing, Springer, pages 227 to 236).

doi:10.1007/978-3-642-76153-9_28. Plain supervised training with softmax and cross-entropy. Teachers and
baselines are trained with it.

$$
    L = \text{CE}(y, q) = -\log q_y
$$

Code: none is published; PyTorch's function computes it.
"""

from torch import Tensor

from kd.distillation.base import Distillation
from kd.distillation.batch import Batch


class Method(Distillation):
    """Cross-entropy with the true labels; no teacher."""

    NEEDS = ()
    ONLY_CE = True

    def describe(self) -> str:
        """The loss as the table names it."""
        return "CE"

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """The cross-entropy alone."""
        return {"ce": batch.cross_entropy(batch.student.logits)}
