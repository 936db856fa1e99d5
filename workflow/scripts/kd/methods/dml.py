r"""Deep mutual learning (DML): Zhang, Xiang, Hospedales & Lu 2018 (arXiv:1706.00384).

No trained teacher. The student is trained together with an untrained peer of the teacher's architecture, and
each of the two also learns from the other's probabilities.

$$
    L = \text{CE}(y, q) + w\,\text{KL}(p \| q) + \text{CE}(y, p) + w\,\text{KL}(q \| p)
$$

With p of the peer; in KL the first of both has no gradient.

Code: YingZhangDUT/Deep-Mutual-Learning (the authors', in TensorFlow).
"""

from torch import Tensor

from kd.distillation.base import Context, Distillation
from kd.distillation.batch import Batch, float32_at_least
from kd.methods.kd import kd_loss
from kd.settings.types import NonNegative


def mutual_loss(learner: Tensor, peer: Tensor) -> Tensor:
    """The mimicry loss of section 2.1: KL(peer ‖ learner) of the class probabilities.

    learner, peer: (B, C) logits. Summed over classes, mean over samples, in nats; no gradient to the peer.
    """
    return kd_loss(learner, peer.detach(), 1.0)


class Method(Distillation):
    """CE + `weight` · KL(peer ‖ student), and the same for the peer; weight 1 as in the paper.

    Follows the paper; the authors' code is in TensorFlow. Both networks are updated in one step, where the
    paper updates one after the other. Of the teacher only the architecture is used: the peer is built anew,
    and no weight of the teacher's, trained or pretrained, is in it. The peer is gone when the training ends.
    """

    NEEDS = ("network",)
    WEIGHTS = (("mutual", "weight"), ("peer_mutual", "weight"))

    weight: NonNegative = 1.0

    def describe(self) -> str:
        """The loss as the table names it."""
        return f"CE + {self.weight:g}·KL, mutually with an untrained peer"

    def prepare(self, context: Context) -> None:
        """Make the peer."""
        self.peer = context.new_teacher()

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """What the student minimises ("ce", "mutual"), and what the peer does."""
        student = batch.student.logits
        with batch.autocast():
            peer = self.peer(batch.images)
        peer = float32_at_least(peer)
        return {
            "ce": batch.cross_entropy(student),
            "mutual": self.weight * mutual_loss(student, peer),
            "peer_ce": batch.cross_entropy(peer),
            "peer_mutual": self.weight * mutual_loss(peer, student),
        }
