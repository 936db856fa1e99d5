r"""Flow of solution procedure (FSP): Yim, Joo, Bae & Kim 2017, "A Gift from Knowledge Distillation" (CVPR).

doi:10.1109/CVPR.2017.754. Matches the inner products of consecutive feature maps, in separate first epochs.

$$
    L_1 = w \sum_l \text{MSE}(G^s_l, G^t_l), \quad G_l = \frac{1}{HW}\,A_l A_{l+1}^\top,
        \qquad L_2 = \text{CE}(y, q)
$$

With the maps A (C, H·W) of consecutive stages l; L₁ in the first `init_epochs`.

Code: HobbitLong/RepDistiller; that of the authors, in TensorFlow, was not compared.
"""

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional

from kd.distillation.base import Context, Distillation
from kd.distillation.batch import Batch
from kd.distillation.features import fit_channels, match_chain, same_size
from kd.distillation.inside import StemMaps, stem_of
from kd.distillation.sums import ComparedMaps
from kd.settings.types import Natural, NonNegative, Positive


def fsp_matrix(first: Tensor, second: Tensor) -> Tensor:
    """G_ij = Σ_positions F¹_i · F²_j / (h·w): equation 1.

    first, second: (B, C, H, W) and (B, D, h, w) float; the larger maps are averaged down (the paper takes
    maxima). Returns (B, C, D).
    """
    first, second = (maps.flatten(2) for maps in same_size(first, second))
    return first @ second.mT / first.shape[2]


def fsp_loss(student: list[Tensor], teacher: list[Tensor]) -> Tensor:
    """The sum, over consecutive stages, of the mean squared difference of their FSP matrices.

    Equation 2 with all λ_i = 1, and the squared norm of a matrix divided by the number of its elements as in
    Tian et al. 2020 (arXiv:1910.10699).

    student, teacher: as many stages each, (B, C_i, H, W) and (B, C_i, h, w) float. Returns a scalar.
    """
    flows = [[fsp_matrix(*stages) for stages in pairwise(network)] for network in (student, teacher)]
    return sum(functional.mse_loss(*both) for both in zip(*flows, strict=True))


class Method(Distillation):
    """`init_epochs` of `weight` · FSP loss alone, then CE.

    Two stages as in section 3.4. Follows RepDistiller; the authors' code is in TensorFlow. 30 epochs and
    weight 1 in the first as there, whose 50 multiplies a term that is not there in the second. With
    `init_epochs` 0 it is CE + `weight` · FSP loss throughout. The paper asks for equally many channels; where
    the stages of a pair have not, the student's go through a regressor of this method's own.

    As there the chain begins with the stem, where both networks have one ahead of the blocks of their first
    stage, and goes on with the stages of one resolution. The paper relates the two ends of each module.

    `stem`: whether the chain begins with the stem; false: with the first stage
    `last_sum`: of a last stage that norm and ReLU close, as in a WRN, the maps ahead of them: RepDistiller's
    """

    NEEDS = ("stages",)
    WEIGHTS = (("fsp", "weight"),)

    init_epochs: Natural = 30
    init_lr: Positive | None = None
    weight: NonNegative = 1.0
    stem: bool = True
    last_sum: bool = False

    def describe(self) -> str:
        """The loss as the table names it."""
        fsp = f"{self.weight:g}·FSP"
        return f"{self.preliminary} epochs of {fsp}, then CE" if self.preliminary else f"CE + {fsp}"

    def prepare(self, context: Context) -> None:
        """Choose the stages, and make regressors where they are needed."""
        student, teacher = context.student_stages, context.teacher_stages
        self.pairs = match_chain(context)
        self.maps = ComparedMaps(context, last_sum=self.last_sum)
        shapes = [(student[s], teacher[t]) for s, t in self.pairs]
        networks, self.stems = (context.student, context.teacher), ()
        if self.stem and all(map(stem_of, networks)) and self.pairs[0] == (0, 0):
            self.stems = tuple(StemMaps(network, context.image) for network in networks)
            shapes.insert(0, tuple(stem.shape for stem in self.stems))
        self.fits = nn.ModuleList(fit_channels(*pair) for pair in shapes)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """The flow alone in the first stage; in the second, or where there is but one, the cross-entropy."""
        terms = {}
        if not batch.preliminary and self.preliminary:
            for listener in (self.maps, *self.stems):
                listener.close()
        if not batch.preliminary:
            terms["ce"] = batch.cross_entropy(batch.student.logits)
        if batch.preliminary or not self.preliminary:
            own, theirs = self.maps(batch)
            student, teacher = [own[s] for s, _ in self.pairs], [theirs[t] for _, t in self.pairs]
            if self.stems:
                student.insert(0, self.stems[0]())
                teacher.insert(0, self.stems[1]())
            fitted = [fit(maps) for fit, maps in zip(self.fits, student, strict=True)]
            terms["fsp"] = self.weight * fsp_loss(fitted, teacher)
        return terms
