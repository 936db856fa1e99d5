r"""Relational knowledge distillation (RKD): Park, Kim, Lu & Cho 2019, "Relational Knowledge Distillation".

arXiv:1904.05068. Matches relations between the samples of a batch: their distances, and the angles of three.

$$
    \begin{split}
    L &= \text{CE}(y, q) + w_\text{distance}\,\underset{ij}{\text{mean}}\,h(d^s_{ij}, d^t_{ij}) \\
        &+ w_\text{angle}\,\underset{ijk}{\text{mean}}\,h(\cos ∠^s_{ijk}, \cos ∠^t_{ijk})
    \end{split}
$$

With the Huber loss h, and distances d, in units of their mean, and angles between the last features.

Code: lenscloth/RKD (the authors'), HobbitLong/RepDistiller.
"""

import torch
from torch import Tensor
from torch.nn import functional

from kd.distillation.base import Distillation
from kd.distillation.batch import Batch
from kd.distillation.features import unit
from kd.settings.types import NonNegative


def distances(features: Tensor) -> Tensor:
    """Distance of every two samples, in units of their mean (equations 5, 6): features (B, D) -> (B, B)."""
    # From the differences and not from the products, for which equal samples have an infinite gradient.
    between = torch.linalg.vector_norm(features.unsqueeze(0) - features.unsqueeze(1), dim=2)
    mean = between.sum() / (len(between) * (len(between) - 1))
    return torch.where(mean > 0, between / torch.where(mean > 0, mean, 1), 0)


def angles(features: Tensor) -> Tensor:
    """Cosine of the angle at j between i and k, at [j, i, k]: features (B, D) -> (B, B, B)."""
    directions = unit(features.unsqueeze(0) - features.unsqueeze(1), dim=2)
    return directions @ directions.mT


def rkd_distance_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Huber loss of the relative distances (section 3.2.1).

    The paper's is a sum over pairs. The published weights go with the mean over all B² of them in the
    authors' code, each sample's pair with itself (always 0) among them.

    student, teacher: (B, D) and (B, E) float features. Returns a scalar.
    """
    return functional.smooth_l1_loss(distances(student), distances(teacher))


def rkd_angle_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Huber loss of the cosines (section 3.2.2), the mean over all B³ triplets, as above.

    student, teacher: (B, D) and (B, E) float features. Returns a scalar.
    """
    return functional.smooth_l1_loss(angles(student), angles(teacher))


class Method(Distillation):
    """CE + `distance_weight` · loss of distances + `angle_weight` · loss of angles, at the last features.

    The defaults are the authors' for classification, which Tian et al. 2020 (arXiv:1910.10699) use as well.

    `distance_weight`: weight of the distances between samples
    `angle_weight`: weight of the angles between samples
    """

    NEEDS = ("stages",)
    WEIGHTS = (("rkd_distance", "distance_weight"), ("rkd_angle", "angle_weight"))

    distance_weight: NonNegative = 25.0
    angle_weight: NonNegative = 50.0

    def describe(self) -> str:
        """The loss as the table names it."""
        return f"CE + {self.distance_weight:g}·RKD-D + {self.angle_weight:g}·RKD-A"

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy with the labels and differences of the relations."""
        student, teacher = batch.student.features, batch.teacher.features
        return {
            "ce": batch.cross_entropy(batch.student.logits),
            "rkd_distance": self.distance_weight * rkd_distance_loss(student, teacher),
            "rkd_angle": self.angle_weight * rkd_angle_loss(student, teacher),
        }
