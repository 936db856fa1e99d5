r"""Self-supervision knowledge distillation (SSKD): Xu, Liu, Li & Loy 2020 (arXiv:2006.07114).

"Knowledge Distillation Meets Self-Supervision". Shows every image turned by 0, 90, 180 and 270 degrees, and
matches the logits of all four, and how similar the turned images are to the others of the batch.

$$
    \begin{split}
    L &= w_\text{ce}\,\text{CE}(y, q) + w_\text{kd}\,T^2\,\text{KL}(p_T \| q_T) \\
        &+ w_\text{turned}\,T^2\,\text{KL}(p'_T \| q'_T) \\
        &+ w_\text{similarity}\,τ^2\,\text{KL}(\text{softmax}(S^t / τ) \| \text{softmax}(S^s / τ))
    \end{split}
$$

With p' and q' of the turned images, and S, the cosines of turned images and those that are not turned.

Code: xuguodong03/SSKD (the authors').
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from kd.distillation.base import Context, Distillation
from kd.distillation.batch import Batch
from kd.distillation.features import unit
from kd.distillation.logits import log_probabilities, of_label
from kd.errors import UserError
from kd.methods.kd import kd_loss
from kd.settings.types import Natural, NonNegative, Positive, Probability

TURNS = 4


def turned(images: Tensor) -> Tensor:
    """Square images (B, C, H, H) and the same turned by 90, 180 and 270 degrees: (4B, C, H, H)."""
    return torch.cat([images.rot90(turns, (2, 3)) for turns in range(TURNS)])


def similarities(features: Tensor) -> Tensor:
    """Cosines of turned images and all upright ones: features (4B, D) as `turned` has them -> (3B, B)."""
    upright, others = unit(features, dim=1).tensor_split([len(features) // TURNS])
    return others @ upright.T


def kept(scores: Tensor, labels: Tensor, share: float) -> Tensor:
    """Which rows of a teacher's scores (N, C) are trusted: (N,) of 0 and 1.

    Those whose label (N,) has the highest score, and `share` of the others, the least wrong ones first, by
    the rank of the label: the paper's selective transfer. Their number is rounded down.
    """
    rank = (scores > of_label(scores, labels)).sum(dim=1)
    right = (rank == 0).sum()
    count = right + ((len(rank) - right) * share).floor()
    place = rank.argsort(stable=True).argsort()
    return (place < count).to(scores.dtype)


def kept_divergence(student: Tensor, teacher: Tensor, temperature: float, rows: Tensor) -> Tensor:
    """T² · KL(teacher ‖ student) of scores (N, C): the mean over the `rows` (N,) that are 1, or 0."""
    log_student, log_teacher = (log_probabilities(scores, temperature) for scores in (student, teacher))
    each = functional.kl_div(log_student, log_teacher, reduction="none", log_target=True).sum(dim=1)
    return temperature**2 * (each * rows).sum() / rows.sum().clamp(min=1)


def head(width: int) -> nn.Sequential:
    """Two linear layers with a ReLU between."""
    return nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))


class Method(Distillation):
    """CE, `kd_weight` · T² · KL, and the same of the turned images and of their similarities.

    The defaults are the authors' for CIFAR-100. In `init_epochs` of its own, before the recipe's, a head on
    the teacher's last features learns to tell which image a turned one is; theirs drops its learning rate by
    10 after 30 and 45 of these 60 epochs. Then a head on the student's learns with it. Both are gone when the
    training ends. A step costs about four times as much as of `kd`, since both networks see four views.

    They crop each turned image anew; here the views are turned as the batch has them. In a sum, put it first.

    `turned_weight`: weight of the divergence of the turned images' logits
    `similarity_weight`: weight of the divergence of the similarities
    `similarity_temperature`: divisor of the similarities before the softmax
    `turned_share`: share of the turned images that the teacher misjudges which still count
    `similarity_share`: share of the turned images that the teacher's head takes for another which still count
    """

    NEEDS = ("stages",)
    ONE_LABEL = True
    ONE_ABOVE_ZERO = ("ce_weight", "kd_weight", "turned_weight", "similarity_weight")
    WEIGHTS = (("kd", "kd_weight"), ("turned", "turned_weight"), ("similarity", "similarity_weight"))

    init_epochs: Natural = 60
    init_lr: Positive | None = None
    ce_weight: NonNegative = 0.1
    kd_weight: NonNegative = 0.9
    turned_weight: NonNegative = 2.7
    similarity_weight: NonNegative = 10.0
    temperature: Positive = 4.0
    similarity_temperature: Positive = 0.5
    turned_share: Probability = 1.0
    similarity_share: Probability = 0.75

    def describe(self) -> str:
        """The loss as the table names it."""
        first = f"self-supervision ({self.preliminary} epochs), then " if self.preliminary else ""
        soft = f"{self.kd_weight:g}·T²·KL + {self.turned_weight:g}·T²·KL of turned images"
        soft += f" + {self.similarity_weight:g}·similarity (SSKD)"
        return f"{first}{self.ce_weight:g}·CE + {soft}, T={self.temperature:g}"

    def prepare(self, context: Context) -> None:
        """The heads; UserError for images that are not square."""
        if context.image[1] != context.image[2]:
            raise UserError("sskd turns images by 90 degrees, so they have to be square")
        self.student_head = head(context.student_stages[-1][0])
        self.teacher_head = head(context.teacher_stages[-1][0])

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """What the teacher's head learns first; then the four terms."""
        views, size = turned(batch.images), len(batch.labels)
        teacher = batch.teacher_on(views)
        own = torch.arange(size, device=views.device).repeat(TURNS - 1)  # of each turned image, its upright
        if batch.preliminary:
            scores = similarities(self.teacher_head(teacher.features))
            return {"self_supervision": functional.cross_entropy(scores, own)}
        student = batch.student_on(views)
        with torch.no_grad():
            target = similarities(self.teacher_head(teacher.features))
        scores = similarities(self.student_head(student.features))
        rows = kept(target, own, self.similarity_share)
        similar = kept_divergence(scores, target, self.similarity_temperature, rows)
        upright, others = student.logits.tensor_split([size])
        expected, of_others = teacher.logits.tensor_split([size])
        rows = kept(of_others, batch.labels.repeat(TURNS - 1), self.turned_share)
        return {
            "ce": self.ce_weight * batch.cross_entropy(upright),
            "kd": self.kd_weight * kd_loss(upright, expected, self.temperature),
            "turned": self.turned_weight * kept_divergence(others, of_others, self.temperature, rows),
            "similarity": self.similarity_weight * similar,
        }
