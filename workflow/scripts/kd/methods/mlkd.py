r"""Multi-level logit distillation (MLKD): Jin, Wang & Lin 2023, CVPR, pages 24276 to 24285.

openaccess.thecvf.com/content/CVPR2023/html/Jin_Multi-Level_Logit_Distillation_CVPR_2023_paper.html Matches
logits at several temperatures and on three levels: the probabilities of each sample, the similarities of the
samples of a batch, and the similarities of the classes.

$$
    \begin{split}
    L &= w_\text{ce}\,\text{CE}(y, q) + \sum_T D_T \\
    D_T &= w_\text{instance}\,T^2\,\text{KL}(p_T \| q_T) \\
        &+ \frac{w_\text{batch}}{B}\,\|PP^\top - QQ^\top\|^2 \\
        &+ \frac{w_\text{class}}{C}\,\|P^\top P - Q^\top Q\|^2
    \end{split}
$$

With P and Q (B, C), whose rows are p_T and q_T.

Code: Jin-Ying/Multi-Level-Logit-Distillation (the authors'), sunshangquan/logit-standardization-KD
(`standardize`).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from kd.distillation.base import Distillation
from kd.distillation.batch import Batch
from kd.distillation.logits import compared, described, divergence, log_probabilities
from kd.settings.types import NonNegative, Positives


def instance_loss(student: Tensor, teacher: Tensor, temperatures: Sequence[float]) -> Tensor:
    """Σ_T T² · KL(teacher ‖ student): Hinton's loss, at every temperature T. T² is as in the authors' code.

    student, teacher: (B, C) float logits. Returns a scalar, in nats: the mean over samples.
    """
    terms = [
        T**2 * divergence(log_probabilities(student, T), log_probabilities(teacher, T)) for T in temperatures
    ]
    return torch.stack(terms).sum()


def batch_loss(student: Tensor, teacher: Tensor, temperatures: Sequence[float]) -> Tensor:
    """Σ_T 1/B · ‖G_teacher − G_student‖², G = P·Pᵀ (B, B) of the probabilities P (B, C) at temperature T.

    student, teacher: (B, C) float logits. Returns a scalar without unit: the mean over rows of G.
    """
    return _gram_loss(student, teacher, temperatures, lambda P: P @ P.T)


def class_loss(student: Tensor, teacher: Tensor, temperatures: Sequence[float]) -> Tensor:
    """Σ_T 1/C · ‖M_teacher − M_student‖², M = Pᵀ·P (C, C) of the probabilities P (B, C) at temperature T.

    M is a sum over samples, so this grows with the square of the batch size; the published weight is for 64.
    Shapes as in `batch_loss`; the mean is over classes, as the authors have it.
    """
    return _gram_loss(student, teacher, temperatures, lambda P: P.T @ P)


def _gram_loss(student: Tensor, teacher: Tensor, temperatures: Sequence[float], gram) -> Tensor:
    """Mean over the rows of both Gram matrices of their squared distance, summed over temperatures."""
    terms = []
    for T in temperatures:
        difference = gram((student / T).softmax(dim=1)) - gram((teacher / T).softmax(dim=1))
        terms.append(difference.square().sum(dim=1).mean())
    return torch.stack(terms).sum()


class Method(Distillation):
    """`ce_weight` · CE(labels) + the three levels, each by its weight and summed over `temperatures`.

    The defaults are what the authors' code (Multi-Level-Logit-Distillation, KD_ours.py) minimises where both
    of its views of an image are one: 0.2, 1.35, 0.45 and 0.45, at T = 2, 3, 4, 5 and 6. It sees each image
    twice, weakly and strongly augmented, with weights of 0.1 and 0.9. The cross-entropies of both views add
    up. So do both instance levels, that of the weak view multiplied by the share of samples whose confidence
    is at most the median, about a half; the strong view's terms at T = 2 and 6 are of the weak view again. Of
    the batch and class levels it adds the weak view's alone, times that share, for the class level that of
    the classes. Here there is one view, and no share beside the half. The paper's equations with its weights
    are {ce_weight: 0.1, instance_weight: 0.9, batch_weight: 0.9, class_weight: 0.9}.

    `standardize` concerns the first level only, as in the code of Sun et al. 2024 (arXiv:2403.01427). Its
    weight of 9 in place of 0.9 is for all three levels, and its T are 2, 2, 3, 5 and 6.

    `temperatures`: temperatures over which the losses are summed
    `instance_weight`: weight of the probabilities of each sample
    `batch_weight`: weight of the similarities of the samples
    `class_weight`: weight of the similarities of the classes
    """

    NEEDS = ("logits",)
    ONE_ABOVE_ZERO = ("ce_weight", "instance_weight", "batch_weight", "class_weight")
    WEIGHTS = (("instance", "instance_weight"), ("batch", "batch_weight"), ("class", "class_weight"))

    temperatures: Positives = (2.0, 3.0, 4.0, 5.0, 6.0)
    ce_weight: NonNegative = 0.2
    instance_weight: NonNegative = 1.35
    batch_weight: NonNegative = 0.45
    class_weight: NonNegative = 0.45
    standardize: bool = False

    def describe(self) -> str:
        """The loss as the table names it."""
        levels = {"instance": self.instance_weight, "batch": self.batch_weight, "class": self.class_weight}
        terms = " + ".join(f"{weight:g}·{level}" for level, weight in levels.items())
        terms += f" (MLKD), T={', '.join(f'{T:g}' for T in self.temperatures)}"
        return described(self.ce_weight, terms, standardize=self.standardize)

    @property
    def softened_at(self) -> float:
        """The middle of its temperatures."""
        return sum(self.temperatures) / len(self.temperatures)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy with the labels, and the three levels."""
        instance = *compared(batch, standardize=self.standardize), self.temperatures
        known = *compared(batch, standardize=False), self.temperatures
        return {
            "ce": self.ce_weight * batch.cross_entropy(batch.student.logits),
            "instance": self.instance_weight * instance_loss(*instance),
            "batch": self.batch_weight * batch_loss(*known),
            "class": self.class_weight * class_loss(*known),
        }
