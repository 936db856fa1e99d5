r"""Wasserstein distance of features (WKD-F): Lv, Yang & Li 2024 (arXiv:2412.08139).

"Wasserstein Distance Rivals Kullback-Leibler Divergence for Knowledge Distillation". Takes the last feature
maps of an image for a Gaussian, and matches means and deviations, whose distance is a Wasserstein distance.

$$
    L = \text{CE}(y, q) + \frac{u\,w}{B} \sum_b \left( m\,\left\| \mu^s_b - \mu^t_b \right\|^2
        + \left\| \sigma^s_b - \sigma^t_b \right\|^2 \right)
$$

With means and deviations of every channel over its positions, m = `mean_weight`, and u, which falls from 1
to 0.

Code: JiamingLv/WKD (the authors').
"""

import math

import torch
from torch import Tensor, nn

from kd.distillation.base import Context, Distillation
from kd.distillation.batch import Batch
from kd.distillation.features import Regressor
from kd.settings.types import NonNegative, Share

LEAST_VARIANCE = 1e-5


def moments(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation of every channel over the positions: (B, C, H, W) -> (B, C) twice.

    As in the authors' code the variance is divided by the positions less one, and 10⁻⁵ is added to it. Of a
    single position it is 0.
    """
    positions = maps.shape[2] * maps.shape[3]
    variance = maps.var(dim=(2, 3), correction=min(1, positions - 1))
    return maps.mean(dim=(2, 3)), (variance + LEAST_VARIANCE).sqrt()


def wasserstein_losses(student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
    """‖m_s − m_t‖² and ‖d_s − d_t‖² of means m and deviations d.

    Sums over channels, means over samples. Both together are the squared 2-Wasserstein
    distance of two Gaussians with diagonal covariances.

    student: (B, C, H, W), teacher: (B, C, h, w) float. Returns two scalars.
    """
    pairs = zip(moments(student), moments(teacher), strict=True)
    return tuple((own - other).square().sum(dim=1).mean() for own, other in pairs)


def strength_at(epoch: Tensor, start: float, epochs: int) -> Tensor:
    """u: 1 up to epoch `start` (counted from 1), then half a cosine that ends at 0.

    epoch: () float, epochs done. Returns () float.
    """
    done = ((epoch + 1 - start) / max(epochs - start, 1)).clamp(min=0, max=1)
    return (1 + torch.cos(math.pi * done)) / 2


class Method(Distillation):
    """CE + `weight` · (`mean_weight` · distance of the means + distance of the deviations).

    The defaults are the authors' for resnet32x4 → resnet8x4 on CIFAR-100: 0.08, 4, and a decay from epoch 150
    of 240. For wrn_40_2 → ShuffleNetV1 they use 0.3 and 3, and the moments of 4x4 parts of the maps, which is
    not here. The student's maps go through a 1x1 convolution with norm and ReLU; maps of unlike sizes need no
    resizing, since moments do not depend on it.

    `mean_weight`: weight of the means, relative to that of the deviations
    `constant_share`: share of the epochs after which the weight begins to fall
    """

    NEEDS = ("stages",)
    WEIGHTS = (("wkd", "weight"),)

    weight: NonNegative = 0.08
    mean_weight: NonNegative = 4.0
    constant_share: Share = 0.625

    def describe(self) -> str:
        """The loss as the table names it."""
        return f"CE + {self.weight:g}·({self.mean_weight:g}·mean + deviation) (WKD-F)"

    def prepare(self, context: Context) -> None:
        """Make the regressor."""
        regressor = Regressor(context.student_stages[-1], context.teacher_stages[-1])
        self.regressor = nn.Sequential(regressor, nn.ReLU())
        self.course = self.constant_share * context.epochs, context.epochs

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy with the labels and distance of the Gaussians."""
        fitted = self.regressor(batch.student.stages[-1])
        means, deviations = wasserstein_losses(fitted, batch.teacher.stages[-1])
        weight = self.weight * strength_at(batch.epoch, *self.course)
        return {
            "ce": batch.cross_entropy(batch.student.logits),
            "wkd": weight * (self.mean_weight * means + deviations),
        }
