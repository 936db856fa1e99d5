r"""Distillation from a stronger adaptive teacher (DIST+): Huang et al. 2025, IEEE TPAMI, pages 5571 to 5585.

doi:10.1109/TPAMI.2025.3554235. DIST with two more relations, between the last feature maps: over the channels
at each pixel, and over the samples of what all channels add up to at each pixel.

$$
    \begin{split}
    L &= w_\text{ce}\,\text{CE}(y, q) + T^2 D \\
        &+ w_\text{channel}\,(1 - \bar r(A^s_{b \cdot xy}, A^t_{b \cdot xy})) \\
        &+ w_\text{spatial}\,(1 - \bar r(S^s_{\cdot xy}, S^t_{\cdot xy}))
    \end{split}
$$

With D of DIST (inter and intra), the maps A at the pixels x, y, their sums S over channels, and the mean of
Pearson's correlations r̄.

Code: none is published by the authors; yoshitomo-matsubara/torchdistill.
"""

from torch import Tensor

from kd.distillation.base import Context, Distillation
from kd.distillation.batch import Batch
from kd.distillation.features import fit_channels, same_size
from kd.distillation.logits import compared, described
from kd.methods.dist import distances, inter_loss, intra_loss
from kd.settings.types import NonNegative, Positive


def channel_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """1 − r over the channels at each pixel, the mean over pixels and samples: from 0 to 2.

    student, teacher: (B, D, H, W).
    """
    return distances(*(maps.movedim(1, 3).flatten(0, 2) for maps in (student, teacher))).mean()


def spatial_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """1 − r over the samples of what the channels add up to, the mean over pixels: from 0 to 2.

    student, teacher: (B, D, H, W).
    """
    return distances(*(maps.sum(dim=1).flatten(1).T for maps in (student, teacher))).mean()


class Method(Distillation):
    """`ce_weight` · CE(labels) + DIST + `channel_weight` · channel + `spatial_weight` · spatial.

    The authors have published no code of it. The two relations of features are those of torchdistill's
    DISTPlusLoss, which adds the channels' correlation itself where 1 − r is meant. Its weights for ImageNet
    are twice as large for inter and intra as for these; 2, 2 and T = 4 are DIST's for CIFAR-100.
    The paper's other part, a teacher that is adapted to the student's training, is left out.

    On the 8x8 digits (one seed, 16 epochs) a student had 88.9 %, with a quarter of all four weights 92.2 %,
    and without a teacher 92.9 %.

    Where channels differ a 1x1 convolution with batch norm brings the student's maps to the teacher's.

    `inter_weight`: weight of the correlation over classes, for each sample
    `intra_weight`: weight of the correlation over samples, for each class
    `channel_weight`: weight of the correlation over channels, for each pixel
    `spatial_weight`: weight of the correlation over samples, for each pixel
    """

    NEEDS = ("stages",)
    ONE_ABOVE_ZERO = ("ce_weight", "inter_weight", "intra_weight", "channel_weight", "spatial_weight")
    WEIGHTS = (
        ("inter", "inter_weight"),
        ("intra", "intra_weight"),
        ("channel", "channel_weight"),
        ("spatial", "spatial_weight"),
    )

    temperature: Positive = 4.0
    ce_weight: NonNegative = 1.0
    inter_weight: NonNegative = 2.0
    intra_weight: NonNegative = 2.0
    channel_weight: NonNegative = 1.0
    spatial_weight: NonNegative = 1.0

    def describe(self) -> str:
        """The loss as the table names it."""
        logits = f"{self.inter_weight:g}·inter + {self.intra_weight:g}·intra"
        features = f"{self.channel_weight:g}·channel + {self.spatial_weight:g}·spatial"
        return described(self.ce_weight, f"{logits} + {features} (DIST+), T={self.temperature:g}")

    def prepare(self, context: Context) -> None:
        """What brings the student's last maps to the teacher's channels."""
        self.regressor = fit_channels(context.student_stages[-1], context.teacher_stages[-1])

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy with the labels, and the distances of logits and of the last maps."""
        known = *compared(batch, standardize=False), self.temperature
        maps = same_size(self.regressor(batch.student.stages[-1]), batch.teacher.stages[-1])
        return {
            "ce": self.ce_weight * batch.cross_entropy(batch.student.logits),
            "inter": self.inter_weight * inter_loss(*known),
            "intra": self.intra_weight * intra_loss(*known),
            "channel": self.channel_weight * channel_loss(*maps),
            "spatial": self.spatial_weight * spatial_loss(*maps),
        }
