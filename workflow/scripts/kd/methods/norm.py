r"""N-to-one representation matching (NORM): Liu, Li, Li & Yao 2023 (arXiv:2305.13803).

"NORM: Knowledge Distillation via N-to-One Representation Matching". A linear transform behind the student's
last maps widens them to N times the teacher's channels and brings them back. Each of the N segments between
has to be the teacher's maps. Being linear, the transform becomes a part of the classifier in the end.

$$
    \begin{split}
    L &= w_\text{ce}\,\text{CE}(y, q) + w\,u \sum_{i=1}^{N} \text{MSE}(E_i, A^t) \\
      &+ w_\text{kd}\,T^2\,\text{KL}(p_T \| q_T) \\
    E &= n_1(W_1 A^s) \\
    q &= \text{softmax}\,C(\text{mean}(A^s + n_2(W_2 E)))
    \end{split}
$$

With batch norms n, the classifier C, and u, which is lower in the first and last epochs.

Code: OSVAI/NORM (the authors').
"""

from collections.abc import Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn import functional

from kd.distillation.activations import append_stage, require_maps, without_last_stage
from kd.distillation.base import Context, Distillation
from kd.distillation.batch import Batch
from kd.distillation.features import Regressor, same_size
from kd.distillation.inside import Listener
from kd.distillation.logits import described
from kd.methods.kd import added_kd, named_kd
from kd.settings.types import Count, NonNegative, Positive

# What is added to u = 0.1 from which 24th of the epochs on: after 10, 20, 180 and 210 of the authors' 240.
COURSE = (1, 0.4), (2, 0.5), (18, -0.5), (21, -0.4)


def norm_loss(expanded: Tensor, teacher: Tensor) -> Tensor:
    """The sum of the mean squared differences of the N segments from the teacher's maps.

    expanded: (B, N · C, H, W), teacher: (B, C, H, W) float. Returns a scalar.
    """
    segments = expanded.unflatten(1, (-1, teacher.shape[1]))
    return (segments - teacher[:, None]).square().mean() * segments.shape[1]


def strength_at(epoch: Tensor, epochs: int) -> Tensor:
    """u of `epoch`, () float, epochs done of `epochs`: 0.1, 0.5, then 1 up to three quarters, 0.5, 0.1."""
    begun = [(change, (24 * epoch >= part * epochs).to(epoch.dtype)) for part, change in COURSE]
    return 0.1 + sum(change * share for change, share in begun)


def pooled_as(maps: Tensor, size: Sequence[int]) -> Tensor:
    """Maps (B, C, H, W) that are larger by whole factors, by their maxima at `size`; others as they are."""
    now = maps.shape[2:]
    if all(side % other == 0 for side, other in zip(now, size, strict=True)):
        return functional.max_pool2d(maps, [side // other for side, other in zip(now, size, strict=True)])
    return maps


class FeatureTransform(nn.Module):
    """x + n₂(W₂ n₁(W₁ x)) with 1x1 convolutions W and batch norms n: (B, D, H, W) -> the same."""

    def __init__(self, channels: int, expanded: int) -> None:
        super().__init__()
        self.expand = Regressor((channels, 1, 1), (expanded, 1, 1))
        self.contract = Regressor((expanded, 1, 1), (channels, 1, 1))

    def forward(self, maps: Tensor) -> Tensor:
        """With the gradients of both ways."""
        return maps + self.contract(self.expand(maps))

    def matrix(self) -> tuple[Tensor, Tensor]:
        """A (D, D) and b (D,) float64, of which the transform is A x + b in eval mode."""
        (first, one), (second, two) = map(_affine, (self.expand, self.contract))
        identity = torch.eye(len(second), dtype=second.dtype, device=second.device)
        return identity + second @ first, second @ one + two


def _affine(layers: nn.Sequential) -> tuple[Tensor, Tensor]:
    """Of a 1x1 convolution and a norm in eval mode: the matrix and the vector, float64."""
    convolution, norm = layers
    scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    shift = norm.bias.double() - scale * norm.running_mean.double()
    return scale[:, None] * convolution.weight.double().flatten(1), shift


@torch.no_grad()
def merged(classifier: nn.Linear, transform: FeatureTransform) -> nn.Linear:
    """The classifier of the means of maps that computes what `classifier` does behind the transform."""
    (matrix, shift), weight, new = transform.matrix(), classifier.weight.double(), deepcopy(classifier)
    new.weight.copy_(weight @ matrix)
    new.bias.copy_(classifier.bias.double() + weight @ shift)
    return new


class Method(Distillation):
    """`ce_weight` · CE + `weight` · NORM + `kd_weight` · T² · KL, KD being left out unless it has a weight.

    The defaults are those of the authors' command for ResNet-34 to ResNet-18 on ImageNet (OSVAI/NORM): 1, 1,
    no KL, N = 8. For CIFAR-100 theirs have a `ce_weight` of 0.0625 to 0.5. As in their code for that, u is
    0.1, 0.5 from 1/24 of the epochs on, 1 from 2/24, 0.5 from 18/24, 0.1 from 21/24; with `constant` it is 1.

    Their code computes CE and KL from logits that are standardised in each sample and multiplied by 2.5. That
    leaves the scale of the network's own logits, and so its test loss, undetermined; here they are as they
    are. Larger maps of the teacher are pooled by their maxima as there, larger ones of the student averaged.
    In a WRN theirs stands ahead of the last norm and ReLU, and here behind them: only so can it be merged.

    On the 8x8 digits (two seeds, 60 epochs) a student had 92.6 %, with a `ce_weight` of 0.1 it had 88.1 %,
    and without a teacher 91.9 %.

    The student is tested and saved with the transform merged into its classifier. It has its own size. That
    asks of a student of a library that its classifier is one linear layer on the means of its last maps.

    `segments`: N, how many times the teacher's maps are to be there
    `constant`: whether the weight stays the same in all epochs
    """

    NEEDS = ("stages",)
    ASKS_STUDENT = ("classifier", "maps")
    CHANGES_STUDENT = True
    MERGES_CHANGES = True
    ONE_ABOVE_ZERO = ("ce_weight", "weight", "kd_weight")
    WEIGHTS = (("norm", "weight"),)

    ce_weight: NonNegative = 1.0
    weight: NonNegative = 1.0
    kd_weight: NonNegative = 0.0
    temperature: Positive = 4.0
    segments: Count = 8
    constant: bool = False

    def describe(self) -> str:
        """The loss as the table names it."""
        terms = f"{self.weight:g}·NORM, N={self.segments}"
        return described(self.ce_weight, terms) + named_kd(self.kd_weight, self.temperature)

    def prepare(self, context: Context) -> None:
        """Append the transform to the student's stages, and listen to what is between its two layers."""
        channels, expanded = context.student_stages[-1][0], self.segments * context.teacher_stages[-1][0]
        require_maps(student=context.student)
        transform = FeatureTransform(channels, expanded)
        append_stage(context.student, transform)
        self.expanded = Listener(transform.expand)
        self.epochs = context.epochs

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy with the labels, difference of the segments, divergence of the logits."""
        student, target = batch.student, batch.teacher.stages[-1]
        expanded = self.expanded()
        own, other = same_size(expanded, pooled_as(target, expanded.shape[2:]))
        strength = 1.0 if self.constant else strength_at(batch.epoch, self.epochs)
        terms = {
            "ce": self.ce_weight * batch.cross_entropy(student.logits),
            "norm": self.weight * strength * norm_loss(own, other),
        }
        return terms | added_kd(batch, self.kd_weight, self.temperature)

    def deployed(self, student: nn.Module) -> nn.Module:
        """The student without the transform, which is a part of its classifier; other layers are shared."""
        return without_last_stage(student, merged(student.classifier, student.stages[-1]))
