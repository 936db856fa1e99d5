r"""Function-consistent feature distillation (FCFD): Liu, Kan, Shan & Chen 2023 (arXiv:2304.11832).

Feature maps should look alike, and do alike. Sent through the teacher's later layers, the student's maps have
to lead to the teacher's maps and logits. The teacher's maps, sent through the student's, do so likewise.

$$
    \begin{split}
    L &= \text{CE}(y, q) + w_\text{kd}\,T^2\,\text{KL}(p_T \| q_T) \\
        &+ u\,w \sum_l D(A^t_l, r(A^s_l)) + u\,w\,v \sum_{l < m} D(A^t_m, A^{st}_{lm}) \\
        &+ w_\text{mixed}\,v\,T^2 \sum_l \text{KL}(p_T \| q^{st}_{l,T}) \\
        &+ w_\text{mixed}\,v\,T^2 \sum_l \text{KL}(p_T \| q^{ts}_{l,T})
    \end{split}
$$

With bridges r, D the MSE, st (or ts) for what passes from the student to the teacher (or back) after stage l,
v, which makes it the mean of two paths, and u = min(1, epoch / `warm_up`).

Code: LiuDongyang6/FCFD (the authors').
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from kd.distillation.activations import require_entry
from kd.distillation.base import Context, Distillation, Shape
from kd.distillation.batch import Batch, float32_at_least
from kd.distillation.features import match_chain, pooled, resized
from kd.methods.kd import kd_loss
from kd.settings.types import NonNegative, Positive

PATHS = 2  # mixed paths that the authors draw in every step, of all


class Bridge(nn.Module):
    """3x3 convolution, norm and leaky ReLU from the maps of one network to those of the other."""

    def __init__(self, source: Shape, target: Shape) -> None:
        super().__init__()
        self.size = target[1:]
        convolution = nn.Conv2d(source[0], target[0], 3, padding=1, bias=False)
        self.layers = nn.Sequential(convolution, nn.BatchNorm2d(target[0]), nn.LeakyReLU(0.1))

    def forward(self, maps: Tensor) -> Tensor:
        """(B, C, H, W) of the one -> (B, D, h, w) of the other."""
        return self.layers(resized(maps, self.size))


@contextmanager
def without_statistics(network: nn.Module) -> Iterator[None]:
    """Its batch norms use the statistics of each batch, and remember nothing of them."""
    norms = [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum


def appearance(student: dict[int, Tensor], teacher: tuple[Tensor, ...]) -> Tensor:
    """The sum of the mean squared differences of maps (B, C, H, W), by the teacher's stage.

    Of the last stage also that of the pooled features, as in the authors' code.
    """
    gaps = [functional.mse_loss(maps, teacher[number]) for number, maps in student.items()]
    if (last := len(teacher) - 1) in student:
        gaps.append(functional.mse_loss(pooled(student[last]), pooled(teacher[last])))
    return sum(gaps)


class Method(Distillation):
    """CE + `kd_weight` · T² · KL + `weight` · appearance + `mixed_weight` · T² · KL of the mixed paths.

    The defaults are the authors' for CIFAR-100: 1, 5, 1, T = 4, and 20 epochs in which the weight of the maps
    rises. They draw two of the mixed paths in every step. Here all are run, and weighed so that they count as
    two, as theirs do in the mean over many steps; a step costs the more.

    Their teacher normalises by the statistics of the batch, here by those that it has learnt. The student's
    norms remember nothing of mixed paths, in both. Bridges are gone when the training ends. A network of a
    library takes part where what follows a stage takes nothing but its maps; no class token can be bridged.

    `mixed_weight`: weight of the logits of mixed paths
    `warm_up`: epochs in which the weight of the maps rises linearly
    """

    NEEDS = ("stages", "network")
    ASKS_TEACHER = ("entry",)
    ASKS_STUDENT = ("entry",)
    WEIGHTS = (("kd", "kd_weight"), ("appearance", "weight"), ("mixed", "mixed_weight"))

    weight: NonNegative = 5.0
    kd_weight: NonNegative = 1.0
    mixed_weight: NonNegative = 1.0
    temperature: Positive = 4.0
    warm_up: Positive = 20.0

    def describe(self) -> str:
        """The loss as the table names it."""
        soft = (
            f"{self.kd_weight:g}·T²·KL + {self.mixed_weight:g}·T²·KL of mixed paths, T={self.temperature:g}"
        )
        return f"CE + {self.weight:g}·FCFD + {soft}, warm-up {self.warm_up:g} epochs"

    def prepare(self, context: Context) -> None:
        """A bridge for each pair of stages, and one back for each but the last."""
        student, teacher = context.student_stages, context.teacher_stages
        self.pairs = match_chain(context)
        # In a tuple, so that they are no parts of the method.
        self.networks = context.student, context.teacher
        entered = zip(*self.pairs[:-1], strict=True)
        for role, network, numbers in zip(("student", "teacher"), self.networks, entered, strict=True):
            require_entry(role, network, numbers)
        shapes = [(student[own], teacher[other]) for own, other in self.pairs]
        self.bridges = nn.ModuleList(Bridge(own, other) for own, other in shapes)
        self.back = nn.ModuleList(Bridge(other, own) for own, other in shapes[:-1])

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy, divergence, how maps look, and what they do in the other network."""
        student, teacher = batch.student, batch.teacher
        bridged = {
            other: bridge(student.stages[own])
            for bridge, (own, other) in zip(self.bridges, self.pairs, strict=True)
        }
        looks, acts = self._mixed(batch, bridged)
        share = PATHS / (2 * len(self.back))
        grown = batch.grown(self.warm_up)
        looks = appearance(bridged, teacher.stages) + share * looks
        return {
            "ce": batch.cross_entropy(student.logits),
            "kd": self.kd_weight * kd_loss(student.logits, teacher.logits, self.temperature),
            "appearance": self.weight * grown * looks,
            "mixed": self.mixed_weight * share * acts,
        }

    def _mixed(self, batch: Batch, bridged: dict[int, Tensor]) -> tuple[Any, Any]:
        """Of all mixed paths, the sums of how maps look and of what the logits are."""
        teacher, looks, acts = batch.teacher, 0.0, 0.0
        compared = [other for _, other in self.pairs]
        for back, (own, other) in zip(self.back, self.pairs[:-1], strict=True):
            with batch.autocast():
                maps, logits = self.networks[1].forward_after(other, bridged[other])
            later = {n: float32_at_least(maps[n - other - 1]) for n in compared if n > other}
            looks = looks + appearance(later, teacher.stages)
            acts = acts + kd_loss(float32_at_least(logits), teacher.logits, self.temperature)
            entered = back(teacher.stages[other])
            with batch.autocast(), without_statistics(self.networks[0]):
                _, logits = self.networks[0].forward_after(own, entered)
            acts = acts + kd_loss(float32_at_least(logits), teacher.logits, self.temperature)
        return looks, acts
