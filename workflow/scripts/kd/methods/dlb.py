r"""Self-distillation from the last mini-batch (DLB): Shen, Xu, Yang, Li & Guo 2022 (arXiv:2203.16172).

Without a teacher: every image is shown in two consecutive steps, in two views. In the second step the student
learns from what it predicted in the first.

$$
    L = \tfrac{1}{2} \left( \text{CE}(y, q) + \text{CE}(y', q') \right) + w\,T^2\,\text{KL}(\bar q'_T \| q'_T)
$$

With q of the images of this step, q' of those of the step before in another view, and q̄' as it was then.

Code: Meta-knowledge-Lab/DLB (the authors').
"""

import torch
from torch import Tensor

from kd.distillation.base import Context, Distillation
from kd.distillation.batch import Batch
from kd.distillation.logits import divergences, log_probabilities
from kd.settings.types import NonNegative, Positive


def consistency_loss(student: Tensor, earlier: Tensor, known: Tensor, temperature: float) -> Tensor:
    """T² · mean over samples of KL(earlier ‖ student), and 0 for a sample of which nothing is known.

    student, earlier: (B, C) float logits; known: (B,) bool. Returns a scalar, in nats.
    """
    log_student, log_earlier = (log_probabilities(logits, temperature) for logits in (student, earlier))
    return (known * divergences(log_student, log_earlier)).mean() * temperature**2


class Method(Distillation):
    """Mean of both CE + `weight` · T² · KL(as in the step before ‖ now). T = 3, weight 1.

    As in the authors' code each step has a whole batch of new images, and that of the step before once more,
    in another view and in a batch of its own: a step costs twice as much. Their code (Meta-knowledge-Lab/DLB)
    has no default for T and the weight, which are options of its command line; both are chosen here.
    After the short last batch of an epoch its images are repeated to fill a batch. In the very first step,
    which has none before it, both views are of one batch; theirs has one view then.

    `temperature`: divisor of both logits
    """

    NEEDS = ()
    COMPANIONS = "previous"
    REMEMBERS_SAMPLES = True
    # Not for batch.labels, which it does not read: the second view of a mixed image would be of one sample.
    ONE_LABEL = True
    WEIGHTS = (("kd", "weight"),)

    weight: NonNegative = 1.0
    temperature: Positive = 3.0

    def describe(self) -> str:
        """The loss as the table names it."""
        return f"CE + {self.weight:g}·T²·KL from the last batch (DLB), T={self.temperature:g}"

    def prepare(self, context: Context) -> None:
        """Room for the samples and logits of a batch, and for the one more that the last may have."""
        room = context.batch_size + 1
        self.register_buffer("samples", torch.full((room,), -1))
        self.register_buffer("logits", torch.zeros(room, context.classes))

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy of both batches, and divergence of the second; then the first is kept."""
        student, again = batch.student.logits, batch.companions
        now = batch.run_student(again.images).logits
        # By number, as a product: gathering has no place for a sample that is not there.
        same = again.indices[:, None] == self.samples
        earlier = same.to(self.logits.dtype) @ self.logits
        kd = consistency_loss(now, earlier, same.any(dim=1), self.temperature)
        both = batch.cross_entropy(student) + batch.label_loss(now, again.labels)
        self._keep(batch.indices, student.detach())
        return {"ce": both / 2, "kd": self.weight * kd}

    @torch.no_grad()
    def _keep(self, samples: Tensor, logits: Tensor) -> None:
        self.samples.fill_(-1)
        self.samples[: len(samples)] = samples
        self.logits[: len(logits)] = logits
