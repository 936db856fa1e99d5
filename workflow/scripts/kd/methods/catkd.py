r"""Class attention transfer (CAT-KD): Guo, Yan, Li & Lin 2023 (arXiv:2304.12777).

Matches class activation maps: at which positions a network sees a class, for every class.

$$
    L = \text{CE}(y, q) + w\,\text{MSE}(\text{pool}(M^s), \text{pool}(M^t)), \quad
        M_c = \sum_k W_{ck} A_k
$$

With the last feature maps A, the weights W of the classifier, and an average pooling to `size` pixels a side.

Code: GzyAftermath/CAT-KD (the authors').
"""

from torch import Tensor
from torch.nn import functional

from kd.distillation.activations import require_maps
from kd.distillation.base import Context, Distillation
from kd.distillation.batch import Batch
from kd.distillation.features import resized, unit
from kd.settings.types import Count, NonNegative


def class_maps(maps: Tensor, weight: Tensor) -> Tensor:
    """Feature maps (B, K, H, W) and a classifier's weights (C, K) -> class activation maps (B, C, H, W).

    Class activation mapping without the classifier's bias: the means over positions are the logits less the
    bias, and the authors' networks have none.
    """
    return functional.conv2d(maps, weight[:, :, None, None])


def cat_loss(student: Tensor, teacher: Tensor, size: int, *, normalize: bool) -> Tensor:
    """Mean squared difference of class activation maps, pooled to `size` pixels a side: L_CAT.

    With `normalize` the pooled map of each class has length 1; a dead one stays 0.

    student: (B, C, H, W), teacher: (B, C, h, w) float. Returns a scalar.
    """
    student, teacher = (resized(maps, (size, size)).flatten(2) for maps in (student, teacher))
    if normalize:
        student, teacher = unit(student, dim=2), unit(teacher, dim=2)
    return functional.mse_loss(student, teacher)


class Method(Distillation):
    """CE + `weight` · the difference of the class activation maps.

    Normalised, as the paper's equation is and the authors' code by default, so that the loss does not depend
    on the scale of the features. 40 and 2x2 pixels are theirs for ResNet50 → MobileNetV2 on CIFAR-100; for
    other pairs of unlike kind they use 15 to 600, and 4x4. For pairs of one kind they do not normalise, with
    weights of 0.7 to 15 (resnet32x4 → resnet8x4), which diverge at learning rates of 0.1.

    They make each network's classifier a convolution ahead of the pooling, which changes no logit. Here the
    maps are computed from the classifier's weights; its bias has no part in them.

    `size`: side of the pooled maps in pixels
    `normalize`: whether each pooled map gets length 1
    """

    NEEDS = ("stages", "network")
    ASKS_TEACHER = ("classifier", "maps")
    ASKS_STUDENT = ("classifier", "maps")
    WEIGHTS = (("cat", "weight"),)

    weight: NonNegative = 40.0
    size: Count = 2
    normalize: bool = True

    def describe(self) -> str:
        """The loss as the table names it."""
        scale = "" if self.normalize else ", not normalised"
        return f"CE + {self.weight:g}·CAT, {self.size}x{self.size}{scale}"

    def prepare(self, context: Context) -> None:
        """Note both classifiers, which stay parts of their networks."""
        super().prepare(context)
        require_maps(student=context.student, teacher=context.teacher)
        # In a tuple, so that they are no parts of the method.
        self.classifiers = context.student.classifier, context.teacher.classifier

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy with the labels and difference of the class activation maps."""
        student, teacher = (
            class_maps(output.stages[-1], classifier.weight)
            for output, classifier in zip((batch.student, batch.teacher), self.classifiers, strict=True)
        )
        loss = cat_loss(student, teacher, self.size, normalize=self.normalize)
        return {"ce": batch.cross_entropy(batch.student.logits), "cat": self.weight * loss}
