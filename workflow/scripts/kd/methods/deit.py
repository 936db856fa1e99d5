r"""Distillation token (DeiT): Touvron, Cord, Douze, Massa, Sablayrolles & Jégou 2021 (arXiv:2012.12877).

"Training data-efficient image transformers & distillation through attention". The student has two
classifiers: that of the class token learns the labels, that of the distillation token the teacher's
decisions, or its softened probabilities.

$$
    \begin{split}
    L_\text{hard} &= (1 - \alpha)\,\text{CE}(y, q) + \alpha\,\text{CE}(\text{argmax}\,p, d) \\
    L_\text{soft} &= (1 - \alpha)\,\text{CE}(y, q) + \alpha\,T^2\,\text{KL}(p_T \| d_T)
    \end{split}
$$

With q of the class token and d of the distillation token.

Code: facebookresearch/deit (the authors').
"""

from typing import Literal

from torch import Tensor
from torch.nn import functional

from kd.distillation.base import Distillation
from kd.distillation.batch import Batch
from kd.methods.kd import kd_loss
from kd.settings.types import Fraction, Positive


def hard_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Cross-entropy with the class that the teacher decides for (equation 3, its second half).

    student, teacher: (B, C) float logits. Returns a scalar, in nats: the mean over samples.
    """
    return functional.cross_entropy(student, teacher.argmax(dim=1))


class Method(Distillation):
    """(1 − `alpha`) · CE of the class token + `alpha` · the teacher's part of the distillation token.

    Networks with both tokens are timm's `deit_*_distilled_*`; `levit_*` have two classifiers. Their logits
    are the mean of both, as in the authors' code (the paper adds probabilities). A student with one
    classifier learns both by it, which is the paper's distillation without a token (its table 3).

    Hard targets are equation 3, soft ones equation 2. The defaults are those of the authors' code, and the
    paper's for its hard loss: a half. For `soft` the paper has `alpha` 0.1 and T = 3. The authors' code
    divides the soft loss by the number of classes too; here it is the paper's, as in `kd`.

    `alpha`: share of what the teacher says; the labels have the rest
    `targets`: what that is, its decisions or its softened probabilities
    `temperature`: divisor of the logits before the softmax, with soft targets alone
    """

    NEEDS = ("logits", "own_stages")

    targets: Literal["hard", "soft"] = "hard"
    alpha: Fraction = 0.5
    temperature: Positive = 1.0

    def describe(self) -> str:
        """The loss as the table names it."""
        teacher = "CE(decisions)" if self.targets == "hard" else f"T²·KL, T={self.temperature:g}"
        return f"{1 - self.alpha:g}·CE(class token) + {self.alpha:g}·{teacher} (distillation token)"

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy of one classifier with the labels, and what the other learns of the teacher."""
        student, teacher = batch.student, batch.teacher.logits.detach()
        own, taught = (student.heads.get(name, student.logits) for name in ("class", "distillation"))
        hard = self.targets == "hard"
        loss = hard_loss(taught, teacher) if hard else kd_loss(taught, teacher, self.temperature)
        return {"ce": (1 - self.alpha) * batch.cross_entropy(own), "token": self.alpha * loss}
