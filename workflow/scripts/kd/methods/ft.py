r"""Factor transfer (FT): Kim, Park & Kwak 2018, "Paraphrasing Complex Network" (arXiv:1802.04977).

An auto-encoder is trained first and compresses the teacher's last feature maps into factors. A translator on
the student's feature maps then learns to predict these factors.

$$
    L = \text{CE}(y, q) + w\,\text{mean} \left| \frac{F^s}{\|F^s\|_2} - \frac{F^t}{\|F^t\|_2} \right|
$$

With the teacher's factors Fᵗ from the encoder, and the student's Fˢ from the translator.

Code: Jangho-Kim/Factor-Transfer-pytorch (the authors'), HobbitLong/RepDistiller.
"""

from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from kd.distillation.base import Context, Distillation
from kd.distillation.batch import Batch
from kd.distillation.features import same_size
from kd.distillation.sums import ComparedMaps
from kd.settings.types import Count, Fraction, NonNegative, Positive

SLOPE = 0.1  # of the leaky ReLUs, as in the authors' code


def factor_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """L_FT of section 3.2 with p = 1: distance of the factors, each divided by its Euclidean length.

    The mean over all entries, as in the authors' code; the paper's norm would be their sum.

    student, teacher: (B, ...) of one shape. Returns a scalar; a factor of zeros has no direction and gives 0.
    """
    units = [functional.normalize(factor.flatten(1), eps=1e-6) for factor in (student, teacher)]
    return functional.l1_loss(*units)


def _chain(layer: type[nn.Module], *channels: int, norm: bool = False) -> nn.Sequential:
    """3x3 layers from each number of channels to the next, each with a leaky ReLU, and norm ahead of that."""
    layers: list[nn.Module] = []
    for ins, outs in pairwise(channels):
        layers += [layer(ins, outs, 3, padding=1), *([nn.BatchNorm2d(outs)] if norm else [])]
        layers.append(nn.LeakyReLU(SLOPE))
    return nn.Sequential(*layers)


class Method(Distillation):
    """`init_epochs` in which the paraphraser learns the teacher's maps; then CE + `weight` · FT.

    Follows the authors' code for CIFAR-10 (Factor-Transfer-pytorch): weight 500, a rate of 0.5, and a
    paraphraser that learns by the mean absolute difference, where the paper (section 3.1) has the squared
    one. Theirs learns for 6 epochs at learning rate 0.1; the 30 here are those of Tian et al. 2020
    (arXiv:1910.10699).

    RepDistiller squares the difference, at learning rate 0.01: `reconstruction: mse` with `init_lr: 0.01`. At
    0.05 or 0.1 that diverges with teachers such as resnet20. Its factors are the mean squares of the maps
    over the channels, its translator has batch norms, and of a WRN it takes the sum ahead of the last norm:
    {factor: mean_squares, translator_norm: true, last_sum: true, weight: 200}.

    `rate`: channels of the factors, as a share of the teacher's
    `reconstruction`: what the paraphraser minimises: the mean absolute difference, or the squared one
    `factor`: what is compared: the maps of the factors, or their mean squares over the channels
    `translator_norm`: whether batch norms follow the translator's convolutions
    `last_sum`: of a last stage that norm and ReLU close, as in a WRN, the maps ahead of them: RepDistiller's
    """

    NEEDS = ("stages",)
    WEIGHTS = (("ft", "weight"),)

    weight: NonNegative = 500.0
    rate: Fraction = 0.5
    init_epochs: Count = 30
    init_lr: Positive | None = None
    reconstruction: Literal["l1", "mse"] = "l1"
    factor: Literal["maps", "mean_squares"] = "maps"
    translator_norm: bool = False
    last_sum: bool = False

    def describe(self) -> str:
        """The loss as the table names it."""
        squares = " of mean squares" if self.factor == "mean_squares" else ""
        return f"paraphraser ({self.preliminary} epochs), then CE + {self.weight:g}·FT{squares}"

    def prepare(self, context: Context) -> None:
        """Paraphraser and translator, of three layers each way; `rate` of the channels remain."""
        source, target = context.student_stages[-1][0], context.teacher_stages[-1][0]
        factors = max(1, round(self.rate * target))
        self.encoder = _chain(nn.Conv2d, target, target, factors, factors)
        self.decoder = _chain(nn.ConvTranspose2d, factors, factors, target, target)
        self.translator = _chain(nn.Conv2d, source, source, factors, factors, norm=self.translator_norm)
        self.maps = ComparedMaps(context, last_sum=self.last_sum)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """The reconstruction (section 3.1), without asking the student; after those epochs the transfer."""
        maps = self.maps.of_teacher(batch)[-1]
        if batch.preliminary:
            difference = functional.l1_loss if self.reconstruction == "l1" else functional.mse_loss
            return {"reconstruction": difference(self.decoder(self.encoder(maps)), maps)}
        with torch.no_grad():  # the paraphraser has learnt
            factor = self.encoder(maps)
        translated = self.translator(self.maps.of_student(batch)[-1])
        factors = same_size(translated, factor)
        if self.factor == "mean_squares":
            factors = [maps.square().mean(dim=1) for maps in factors]
        return {
            "ce": batch.cross_entropy(batch.student.logits),
            "ft": self.weight * factor_loss(*factors),
        }
