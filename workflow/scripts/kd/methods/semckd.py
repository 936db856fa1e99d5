r"""Cross-layer distillation with semantic calibration (SemCKD): Chen, Mei, Zhang, Wang et al. 2021.

arXiv:2012.03236. Matches each feature map of the student with all of the teacher's. Attention, learnt from
the similarities of samples, says for each image how much a pair of them counts.

$$
    \begin{split}
    L &= \text{CE}(y, q) + w_\text{kd}\,T^2\,\text{KL}(p_T \| q_T) \\
        &+ \frac{w}{B S} \sum_{b,s,l} a_{bsl}\,\text{MSE}(r_{sl}(A^s_s), A^t_l)_b
    \end{split}
$$

With S feature maps of the student, the fits r, and the attention a over the teacher's feature maps l.

Code: DefangChen/SemCKD (the authors').
"""

from itertools import product

import torch
from torch import Tensor, nn
from torch.nn import functional

from kd.distillation.base import Context, Distillation
from kd.distillation.batch import Batch
from kd.distillation.features import same_size, unit
from kd.methods.kd import added_kd, named_kd
from kd.settings.types import Count, NonNegative, Positive

SHRUNK = 4  # a query has as many numbers as samples are seen, divided by this


def similarities(maps: Tensor, samples: int) -> Tensor:
    """Inner products with the batch's first `samples`: (B, C, H, W) -> (B, samples), 0 where it has fewer."""
    rows = maps.flatten(1)
    products = rows @ rows[:samples].T
    return functional.pad(products, (0, samples - products.shape[1]))


def semckd_loss(distances: Tensor, attention: Tensor) -> Tensor:
    """The attended distances, L_SemCKD: the sum over the teacher's maps, the mean over all else.

    distances, attention: (B, S, L) float, of each sample's maps of the student and of the teacher. A scalar.
    """
    return (attention * distances).sum(dim=2).mean()


class Query(nn.Sequential):
    """Two linear layers with a ReLU between, whose output has length 1."""

    def __init__(self, samples: int) -> None:
        size = max(1, samples // SHRUNK)
        super().__init__(nn.Linear(samples, 2 * size), nn.ReLU(), nn.Linear(2 * size, size))

    def forward(self, rows: Tensor) -> Tensor:
        """(B, samples) -> (B, samples // SHRUNK)."""
        return unit(super().forward(rows), dim=1)


def fit(source: int, target: int) -> nn.Sequential:
    """1x1, 3x3 and 1x1 convolutions with norms and ReLUs between, twice as wide as the target inside."""
    wide = 2 * target
    parts: list[nn.Module] = []
    for ins, kernel in ((source, 1), (wide, 3)):
        convolution = nn.Conv2d(ins, wide, kernel, padding=kernel // 2, bias=False)
        parts += [convolution, nn.BatchNorm2d(wide), nn.ReLU()]
    return nn.Sequential(*parts, nn.Conv2d(wide, target, 1, bias=False))


class Method(Distillation):
    """CE + `kd_weight` · T² · KL + `weight` · SemCKD, over all pairs of feature maps.

    The authors' weight for CIFAR-100 is 400, at a learning rate of 0.05. The fits end without a norm, so that
    the loss diverges with it at a rate of 0.1: hence 100. KD of weight 1 at T = 4 is theirs.

    Their queries and keys are computed from the similarities with all samples of the batch, 64 there, and a
    shorter last batch is left out of the training. Here no batch is: of a longer one the first `samples`
    count, and in a shorter one the others are 0. Of maps that differ in size, the larger are averaged down.
    All parts are gone when the training ends.

    `samples`: similarities of an image that queries and keys are computed from
    """

    NEEDS = ("stages",)
    WEIGHTS = (("semckd", "weight"),)

    weight: NonNegative = 100.0
    samples: Count = 64
    kd_weight: NonNegative = 1.0
    temperature: Positive = 4.0

    def describe(self) -> str:
        """The loss as the table names it."""
        return f"CE + {self.weight:g}·SemCKD{named_kd(self.kd_weight, self.temperature)}"

    def prepare(self, context: Context) -> None:
        """Queries of the student's feature maps, keys of the teacher's, and a fit for each pair."""
        student, teacher = context.student_stages, context.teacher_stages
        self.queries = nn.ModuleList(Query(self.samples) for _ in student)
        self.keys = nn.ModuleList(Query(self.samples) for _ in teacher)
        self.fits = nn.ModuleList(fit(own[0], other[0]) for own, other in product(student, teacher))

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy with the labels, divergence of the logits, distances of the maps as attended."""
        student, teacher = batch.student, batch.teacher
        distances = self._distances(student.stages, teacher.stages)
        loss = semckd_loss(distances, self._attention(student.stages, teacher.stages))
        own = {"ce": batch.cross_entropy(student.logits), "semckd": self.weight * loss}
        return own | added_kd(batch, self.kd_weight, self.temperature)

    def _attention(self, student: tuple[Tensor, ...], teacher: tuple[Tensor, ...]) -> Tensor:
        """(B, S, L), which is 1 over the teacher's maps."""
        queries, keys = (
            torch.stack(
                [embed(similarities(maps, self.samples)) for embed, maps in zip(embeds, stages, strict=True)],
                dim=1,
            )
            for embeds, stages in ((self.queries, student), (self.keys, teacher))
        )
        return (queries @ keys.mT).softmax(dim=2)

    def _distances(self, student: tuple[Tensor, ...], teacher: tuple[Tensor, ...]) -> Tensor:
        """(B, S, L) mean squared differences of each sample's fitted maps."""
        values = []
        for fitted, (own, other) in zip(self.fits, product(student, teacher), strict=True):
            own, other = same_size(own, other)
            values.append((fitted(own) - other).square().flatten(1).mean(dim=1))
        return torch.stack(values, dim=1).unflatten(1, (len(student), len(teacher)))
