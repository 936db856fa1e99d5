r"""Masked generative distillation (MGD): Yang, Li, Shao, Shi, Yuan & Yuan 2022 (arXiv:2205.01529).

The student's last feature maps, some channels of which are masked, have to generate the teacher's whole maps.

$$
    L = \text{CE}(y, q) + \frac{w}{B} \sum \left( A^t - g(M \circ r(A^s)) \right)^2
$$

With the fit r to the teacher's channels, the random mask M, and the generator g of two convolutions.

Code: yzd-v/MGD (the authors'), yzd-v/cls_KD (the weight for CIFAR-100).
"""

import torch
from torch import Tensor, nn

from kd.distillation.base import Context, Distillation
from kd.distillation.batch import Batch
from kd.distillation.features import same_size
from kd.settings.types import Momentum, NonNegative


def generation_loss(generated: Tensor, teacher: Tensor) -> Tensor:
    """Squared differences, the paper's L_dis: their sum over channels and positions, the mean over samples.

    generated, teacher: (B, C, H, W) float. Returns a scalar.
    """
    return (generated - teacher).square().sum() / len(teacher)


def masked(maps: Tensor, share: float) -> Tensor:
    """Maps (B, C, H, W) in which about `share` of each sample's channels are 0, drawn anew at every call."""
    return maps * (torch.rand(maps.shape[:2], device=maps.device) >= share)[:, :, None, None]


class Method(Distillation):
    """CE + `weight` · the generation loss of the last feature maps.

    As the paper does for classification, whole channels are masked, 0.15 of them. The weight is that of the
    authors' later code (NKD) for CIFAR-100, with 512 channels of 4x4; for ImageNet it is 0.00007. The loss is
    a sum, so it grows with the maps. Where they differ in size, the larger are averaged down. The generator
    is two 3x3 convolutions with a ReLU between, and is gone when the training ends.

    `masked_share`: share of the channels that are masked
    """

    NEEDS = ("stages",)
    WEIGHTS = (("mgd", "weight"),)

    weight: NonNegative = 0.0012
    masked_share: Momentum = 0.15

    def describe(self) -> str:
        """The loss as the table names it."""
        return f"CE + {self.weight:g}·MGD, {self.masked_share:g} masked"

    def prepare(self, context: Context) -> None:
        """A convolution for the channels where it is needed, and the generator."""
        source, target = context.student_stages[-1][0], context.teacher_stages[-1][0]
        self.fit = nn.Identity() if source == target else nn.Conv2d(source, target, 1)
        convolutions = (nn.Conv2d(target, target, 3, padding=1) for _ in range(2))
        self.generator = nn.Sequential(next(convolutions), nn.ReLU(), next(convolutions))

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy with the labels, and what is missing in the maps that were generated."""
        student, teacher = same_size(batch.student.stages[-1], batch.teacher.stages[-1])
        generated = self.generator(masked(self.fit(student), self.masked_share))
        return {
            "ce": batch.cross_entropy(batch.student.logits),
            "mgd": self.weight * generation_loss(generated, teacher),
        }
