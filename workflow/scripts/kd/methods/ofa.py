r"""One-for-all distillation (OFA-KD): Hao, Guo, Han, Tang, Hu, Wang & Xu 2023 (arXiv:2310.19444).

For networks of different kinds, whose feature maps have little in common. Each stage of the student gets a
classifier of its own, and learns the teacher's probabilities, in which the label counts more.

$$
    \begin{split}
    L &= w_\text{ce}\,\text{CE}(y, q) + w_\text{kd}\,D(q) + w_\text{stage} \sum_l D(q_l) \\
    D(q) &= -\sum_c \left( (p_c + 1_{c=y})^\gamma - 1_{c=y} \right) \log q_c
    \end{split}
$$

With the classifier q_l of stage l, at temperature T like all in D.

Code: Hao840/OFAKD (the authors').
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from kd.distillation.base import Context, Distillation
from kd.distillation.batch import Batch
from kd.distillation.logits import log_probabilities
from kd.distillation.projectors import MapProjector, TokenProjector
from kd.settings.types import Natural, NonNegative, Positive

STAGES = 4  # the last ones of the student: as many as the authors' networks have


def ofa_loss(student: Tensor, teacher: Tensor, labels: Tensor, gamma: float, temperature: float) -> Tensor:
    """−Σ_c ((p_c + 1[c = y])^g − 1[c = y]) · log q_c, with g = `gamma`: as the authors compute it.

    The paper has the power for the label alone, and does not subtract the last 1[c = y]. With g = 1 it is the
    cross-entropy with the teacher in the code, and in the paper with the label as well. There is no T².

    student, teacher: (B, C) float logits; labels: (B,) int64. A scalar, in nats: the mean over samples.
    """
    is_label = torch.arange(student.shape[1], device=labels.device) == labels[:, None]
    enhanced = (functional.softmax(teacher / temperature, dim=1) + is_label) ** gamma
    enhanced = torch.where(is_label, enhanced - 1, enhanced)
    return -(enhanced * log_probabilities(student, temperature)).sum(dim=1).mean()


class Method(Distillation):
    """`ce_weight` · CE + `kd_weight` · D of the student's logits + `stage_weight` · Σ D of its stages.

    The defaults are those of the authors' code; their command for DeiT-T and ResNet18 on ImageNet has `gamma`
    1.5. A stage's classifier is theirs: on maps separable convolutions, on tokens merging of patches and
    transformer blocks, whose class token is classified. It is as wide as the student's last features, where
    theirs is as wide as the wider network's; so the teacher's logits are enough. On mixed images the label is
    that of the larger share, as theirs.

    `stage_weight`: weight of the sum over the stages
    `gamma`: power of the enhanced target; above 1 the label counts more
    `width`: features of the stages' classifiers; 0 for as many as the student's last stage has channels
    """

    NEEDS = ("logits", "own_stages")
    ONE_LABEL = False
    ONE_ABOVE_ZERO = ("ce_weight", "kd_weight", "stage_weight")
    WEIGHTS = (("kd", "kd_weight"), ("stages", "stage_weight"))

    gamma: Positive = 1.0
    temperature: Positive = 1.0
    ce_weight: NonNegative = 1.0
    kd_weight: NonNegative = 1.0
    stage_weight: NonNegative = 1.0
    width: Natural = 0

    def describe(self) -> str:
        """The loss as the table names it."""
        terms = f"{self.kd_weight:g}·OFA + {self.stage_weight:g}·Σ stages OFA"
        return f"{self.ce_weight:g}·CE + {terms}, gamma={self.gamma:g}, T={self.temperature:g}"

    def prepare(self, context: Context) -> None:
        """A classifier for each of the student's last stages."""
        shapes = context.student_stages[-STAGES:]
        width = self.width or shapes[-1][0]
        kind = TokenProjector if getattr(context.student, "of_tokens", False) else MapProjector
        self.projectors = nn.ModuleList(
            kind(shape, len(shapes) - 1 - number, width, context.classes)
            for number, shape in enumerate(shapes)
        )

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy with the labels, and what classifier and stages learn of the teacher."""
        student, teacher = batch.student, batch.teacher.logits.detach()
        known = teacher, batch.labels, self.gamma, self.temperature
        count = len(self.projectors)
        tokens = student.tokens[-count:] or ({},) * count
        stages = zip(self.projectors, student.stages[-count:], tokens, strict=True)
        learnt = sum(ofa_loss(projector(maps, named), *known) for projector, maps, named in stages)
        return {
            "ce": self.ce_weight * batch.cross_entropy(student.logits),
            "kd": self.kd_weight * ofa_loss(student.logits, *known),
            "stages": self.stage_weight * learnt,
        }
