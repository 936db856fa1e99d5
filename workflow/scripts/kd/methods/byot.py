r"""Be your own teacher (BYOT): Zhang, Song, Gao, Chen, Bao & Ma 2019 (arXiv:1905.08094).

Self-distillation, without a teacher. Auxiliary classifiers on the student's earlier feature maps learn from
its final classifier, and the earlier layers with them.

$$
    \begin{split}
    L &= \text{CE}(y, q) + \sum_i D_i \\
    D_i &= (1 - \alpha)\,\text{CE}(y, q_i) + w\,\|f_i - f\|^2 \\
        &+ \alpha\,T^2\,\text{KL}(q_T \| q_{i,T})
    \end{split}
$$

With the student's own q and f, those of its heads i, and w = `feature_weight`.

Code: ArchipLab-LinfengZhang/pytorch-self-distillation-final (the first author's, of a later paper),
luanyunteng/pytorch-be-your-own-teacher (a reproduction).
"""

from torch import Tensor, nn

from kd.distillation.base import Context, Distillation, Shape
from kd.distillation.batch import Batch
from kd.distillation.features import pooled
from kd.errors import UserError
from kd.methods.kd import kd_loss
from kd.settings.types import Fraction, NonNegative, Positive

WIDEST = 8  # pixels that a bottleneck steps at once, at most: as many as any of the authors'


def hint_loss(features: Tensor, deepest: Tensor) -> Tensor:
    """‖F_i − F_C‖², the squared Euclidean distance of pooled features (loss source 3).

    features, deepest: (B, D). The mean over samples; no gradient reaches the deepest.
    """
    return (features - deepest.detach()).square().sum(dim=1).mean()


class Head(nn.Module):
    """A bottleneck (figure 2), which brings a stage to the shape of the last one, and a classifier."""

    def __init__(self, source: Shape, target: Shape, classes: int) -> None:
        super().__init__()
        middle = max(1, target[0] // 4)
        step = max(1, min(WIDEST, *(side // end for side, end in zip(source[1:], target[1:], strict=True))))
        parts: list[nn.Module] = []
        for ins, outs, size in ((source[0], middle, 1), (middle, middle, step), (middle, target[0], 1)):
            parts += [nn.Conv2d(ins, outs, size, size, bias=False), nn.BatchNorm2d(outs), nn.ReLU()]
        self.bottleneck = nn.Sequential(*parts)
        self.classifier = nn.Linear(target[0], classes)

    def forward(self, stage: Tensor) -> tuple[Tensor, Tensor]:
        """Features (B, D), pooled, and logits (B, classes)."""
        features = pooled(self.bottleneck(stage))
        return features, self.classifier(features)


class Method(Distillation):
    """CE of the last classifier, and of each head three terms.

    They are (1 − `alpha`) · CE, `alpha` · T² · KL(last ‖ head) and `feature_weight` · ‖F_i − F_C‖².

    0.3, 0.03 and T = 3 are those of the first author's later code for self-distillation. It differs from the
    paper, and from here: it has no T², and takes the distance unsquared, over the whole batch and through one
    more linear layer, and leaves one head out of it. Its heads have separable convolutions and attention, and
    its images AutoAugment and Cutout. The heads are gone when the training ends.

    `alpha`: share of the divergence from the final classifier in a head's loss; the labels have the rest
    `feature_weight`: weight of the distance between the features of a head and the final ones
    `temperature`: divisor of the logits of heads and final classifier before the softmax
    """

    NEEDS = ("own_stages",)
    WEIGHTS = (("features", "feature_weight"),)

    alpha: Fraction = 0.3
    feature_weight: NonNegative = 0.03
    temperature: Positive = 3.0

    def describe(self) -> str:
        """The loss as the table names it."""
        parts = f"{1 - self.alpha:g}·CE + {self.alpha:g}·T²·KL + {self.feature_weight:g}·L2"
        return f"CE + Σ heads ({parts}), T={self.temperature:g}"

    def prepare(self, context: Context) -> None:
        """A head for each stage but the last."""
        *earlier, last = context.student_stages
        if not earlier:
            raise UserError(
                "byot needs a student with feature maps of two stages or more, and this one has one"
            )
        self.heads = nn.ModuleList(Head(stage, last, context.classes) for stage in earlier)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy of the last classifier; of the heads the three parts, each summed."""
        logits, (*earlier, _) = batch.student.logits, batch.student.stages
        deepest, teacher = batch.student.features, logits.detach()
        labels = soft = hints = 0.0
        for head, stage in zip(self.heads, earlier, strict=True):
            features, outputs = head(stage)
            labels = labels + batch.cross_entropy(outputs)
            soft = soft + kd_loss(outputs, teacher, self.temperature)
            hints = hints + hint_loss(features, deepest)
        return {
            "ce": batch.cross_entropy(logits),
            "heads": (1 - self.alpha) * labels,
            "kd": self.alpha * soft,
            "features": self.feature_weight * hints,
        }
