r"""Class-wise self-knowledge distillation (CS-KD): Yun, Park, Lee & Shin 2020 (arXiv:2003.13964).

Without a teacher: the student's prediction for an image is to agree with its prediction for another image of
the same class.

$$
    L = \text{CE}(y, q) + w\,T^2\,\text{KL}(q'_T \| q_T)
$$

With q' of another image of the class y, without a gradient.

Code: alinlab/cs-kd (the authors').
"""

import torch
from torch import Tensor

from kd.distillation.base import Distillation
from kd.distillation.batch import Batch
from kd.methods.kd import kd_loss
from kd.settings.types import NonNegative, Positive


class Method(Distillation):
    """CE + `weight` · T² · KL(prediction for a classmate ‖ prediction); 1 and T = 4 as in the authors' code.

    The classmates are drawn anew in every epoch, and may be the image itself in another view, as by the
    authors. They go through the student in a batch of their own, in train mode.
    """

    NEEDS = ()
    COMPANIONS = "class"
    # Not for batch.labels, which it does not read: a mixed image has no class to take another image of.
    ONE_LABEL = True
    WEIGHTS = (("kd", "weight"),)

    weight: NonNegative = 1.0
    temperature: Positive = 4.0

    def describe(self) -> str:
        """The loss as the table names it."""
        return f"CE + {self.weight:g}·T²·KL from a classmate (CS-KD), T={self.temperature:g}"

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy with the labels, and divergence from the predictions for classmates."""
        student = batch.student.logits
        with torch.no_grad():
            classmates = batch.run_student(batch.companions.images).logits.detach()
        return {
            "ce": batch.cross_entropy(student),
            "kd": self.weight * kd_loss(student, classmates, self.temperature),
        }
