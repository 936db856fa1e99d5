r"""Variational information distillation (VID): Ahn et al. 2019, "VID for Knowledge Transfer".

arXiv:1904.05835. Maximises a lower bound of the mutual information between the feature maps of both networks.

$$
    L = \text{CE}(y, q) + w \sum_l \text{mean}\; \frac{1}{2} \left( \log v_c + \frac{(A^t
        - m(A^s))^2}{v_c} \right)
$$

Over the pairs l of feature maps of one resolution, with a network m and a variance v of each channel c.

Code: HobbitLong/RepDistiller.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from kd.distillation.base import Context, Distillation, Shape
from kd.distillation.batch import Batch
from kd.distillation.features import match_stages, same_size
from kd.distillation.sums import ComparedMaps
from kd.settings.types import NonNegative

FIRST_VARIANCE, LEAST_VARIANCE = 5.0, 1e-5  # as in Tian et al. 2020 (arXiv:1910.10699)


def vid_loss(mean: Tensor, teacher: Tensor, variance: Tensor) -> Tensor:
    """−log q(t|s) of a Gaussian with a variance for each channel.

    ½ (log v + (t − m)²/v) for mean m and variance v, without the constant ½ log 2π. The paper's is the sum
    over channels and positions; here it is the mean over these and the samples, which the published weight
    goes with. It may be negative.

    mean, teacher: (B, C, H, W) float; variance: (C,) float. Returns a scalar, in nats.
    """
    variance = variance[:, None, None]
    return 0.5 * (variance.log() + (teacher - mean).square() / variance).mean()


class Guess(nn.Module):
    """What the student's stage says of the teacher's: the mean by three 1x1 convolutions, and a variance."""

    def __init__(self, source: Shape, target: Shape) -> None:
        super().__init__()
        sizes = source[0], target[0], target[0], target[0]
        first, second, third = (nn.Conv2d(*sizes[i : i + 2], 1, bias=False) for i in range(3))
        self.mean = nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), third)
        # The variance is log(1 + exp(alpha)) + LEAST_VARIANCE: the paper's, which is never 0 or less.
        self.alpha = nn.Parameter(
            torch.full(target[:1], math.log(math.expm1(FIRST_VARIANCE - LEAST_VARIANCE)))
        )

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        """The loss of two stages' maps, the larger ones averaged down."""
        student, teacher = same_size(student, teacher)
        return vid_loss(self.mean(student), teacher, functional.softplus(self.alpha) + LEAST_VARIANCE)


class Method(Distillation):
    """CE + `weight` · the sum of the losses over the pairs of feature maps of one resolution.

    The default and the networks that guess are those of Tian et al. 2020 (arXiv:1910.10699).

    `last_sum`: of a last stage that norm and ReLU close, as in a WRN, the maps ahead of them: RepDistiller's
    """

    NEEDS = ("stages",)
    WEIGHTS = (("vid", "weight"),)

    weight: NonNegative = 1.0
    last_sum: bool = False

    def describe(self) -> str:
        """The loss as the table names it."""
        return f"CE + {self.weight:g}·VID"

    def prepare(self, context: Context) -> None:
        """Choose the feature maps, and make a guess for each pair."""
        student, teacher = context.student_stages, context.teacher_stages
        self.pairs = match_stages(student, teacher)
        self.maps = ComparedMaps(context, last_sum=self.last_sum)
        self.guesses = nn.ModuleList(Guess(student[s], teacher[t]) for s, t in self.pairs)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy with the labels and what the student does not tell."""
        student, teacher = self.maps(batch)
        guessed = zip(self.guesses, self.pairs, strict=True)
        untold = sum(guess(student[s], teacher[t]) for guess, (s, t) in guessed)
        return {
            "ce": batch.cross_entropy(batch.student.logits),
            "vid": self.weight * untold,
        }
