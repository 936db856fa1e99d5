r"""Distillation from a stronger teacher (DIST): Huang, You, Wang, Qian & Xu 2022 (arXiv:2205.10536).

Matches Pearson correlations rather than exact probabilities, which a much smaller student cannot reach. They
are computed for each sample over the classes, and for each class over the samples.

$$
    \begin{split}
    L &= w_\text{ce}\,\text{CE}(y, q) + T^2 D \\
    D &= \frac{w_\text{inter}}{B} \sum_b (1 - r(p_{b\cdot}, q_{b\cdot})) \\
        &+ \frac{w_\text{intra}}{C} \sum_c (1 - r(p_{\cdot c}, q_{\cdot c}))
    \end{split}
$$

With Pearson's correlation r, over the classes of a sample b and over the samples of a class c, p and q at T.

Code: hunto/image_classification_sota (the authors').
"""

from torch import Tensor

from kd.distillation.base import Distillation
from kd.distillation.batch import Batch
from kd.distillation.logits import compared, described
from kd.settings.types import NonNegative, Positive


def inter_loss(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """T² · mean over samples of 1 − r(student, teacher), r over the classes: relations between classes.

    Equation 8: the mean of the distance d = 1 − r, r Pearson's correlation (equations 6 and 7), of the rows
    of the probabilities at T. T² is that of the authors' later code, for the reason that Hinton's loss has.

    student, teacher: (B, C) float logits. Returns a scalar without unit, from 0 to 2 · T².
    """
    return temperature**2 * distances(*_softened(student, teacher, temperature)).mean()


def intra_loss(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """T² · mean over classes of 1 − r(student, teacher), r over the samples: relations within a class.

    Equation 9: the same of the columns. There is one correlation to each class, so the mean is over classes.
    Shapes and units as in `inter_loss`.
    """
    student, teacher = _softened(student, teacher, temperature)
    return temperature**2 * distances(student.T, teacher.T).mean()


def _softened(student: Tensor, teacher: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    return (student / temperature).softmax(dim=1), (teacher / temperature).softmax(dim=1)


def distances(first: Tensor, second: Tensor) -> Tensor:
    """1 − Pearson's correlation of each row with its fellow, (N, M) twice -> (N,).

    1e-8 is added to the product of the norms, as by the authors: a row that does not vary correlates with
    nothing, and its distance is 1.
    """
    first, second = (rows - rows.mean(dim=1, keepdim=True) for rows in (first, second))
    return 1 - (first * second).sum(dim=1) / (first.norm(dim=1) * second.norm(dim=1) + 1e-8)


class Method(Distillation):
    """`ce_weight` · CE(labels) + `inter_weight` · inter + `intra_weight` · intra, both with their T².

    Equation 10 has no T². Follows the authors' code (hunto/image_classification_sota). The defaults are
    its strategy for ImageNet: both weights 2 (`kd_loss_weight`, times a beta and gamma of 1) and T = 1. Its
    strategy for CIFAR-100 has T = 4 and the same weights.

    There is no `standardize`: it would change this loss too, for it is the probabilities, and not the logits,
    whose scale does not matter here; but it is not published, and to be free of scale is what DIST is for.

    `inter_weight`: weight of the correlation over classes, for each sample
    `intra_weight`: weight of the correlation over samples, for each class
    """

    NEEDS = ("logits",)
    ONE_ABOVE_ZERO = ("ce_weight", "inter_weight", "intra_weight")
    WEIGHTS = (("inter", "inter_weight"), ("intra", "intra_weight"))

    temperature: Positive = 1.0
    ce_weight: NonNegative = 1.0
    inter_weight: NonNegative = 2.0
    intra_weight: NonNegative = 2.0

    def describe(self) -> str:
        """The loss as the table names it."""
        terms = f"{self.inter_weight:g}·inter + {self.intra_weight:g}·intra (DIST), T={self.temperature:g}"
        return described(self.ce_weight, terms)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy with the labels, and the distances between and within classes."""
        known = *compared(batch, standardize=False), self.temperature
        return {
            "ce": self.ce_weight * batch.cross_entropy(batch.student.logits),
            "inter": self.inter_weight * inter_loss(*known),
            "intra": self.intra_weight * intra_loss(*known),
        }
