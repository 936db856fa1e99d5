r"""Hints from a middle layer (FitNets): Romero et al. 2015, "FitNets: Hints for Thin Deep Nets".

arXiv:1412.6550. In separate first epochs a middle feature map of the student, after a regressor, learns to
predict the teacher's. Then the whole student is trained as in `kd`.

$$
    L_1 = w\,\text{MSE}(r(A^s), A^t), \qquad L_2 = w_\text{ce}\,\text{CE}(y, q)
        + w_\text{kd}\,T^2\,\text{KL}(p_T \| q_T)
$$

With the regressor r, the guided stage Aˢ and the hint Aᵗ; L₁ in the first `init_epochs`.

Code: adri-romsor/FitNets (the authors', in Theano), HobbitLong/RepDistiller.
"""

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from kd.distillation.base import Context, Distillation
from kd.distillation.batch import Batch
from kd.distillation.features import Regressor, match_stages, same_size
from kd.distillation.pre_relu import never_negative
from kd.methods.kd import kd_loss
from kd.settings.types import Natural, NonNegative, Positive


def hint_loss(guided: Tensor, hint: Tensor) -> Tensor:
    """Mean squared difference of the regressed guided stage and the hint.

    Equation 3 is ½ ‖u_h(x) − r(v_g(x))‖² of each sample; the mean over elements, without the ½, is that of
    Tian et al. 2020 (arXiv:1910.10699), which their weight of 100 goes with.

    guided, hint: (B, C, H, W) float. Returns a scalar.
    """
    return functional.mse_loss(guided, hint)


class Method(Distillation):
    """`init_epochs` of `weight` · hint loss alone, then `ce_weight` · CE + `kd_weight` · T² · KL.

    Two stages as in section 2.3: the first trains the student up to its guided stage, and the regressor; the
    second the whole student, and the hint takes no part. The defaults are settings of Tian et al. 2020
    (arXiv:1910.10699): 30 epochs as for all its methods of two stages, and their KD, so that the difference
    from `kd` is the hints. The paper's second stage (equation 2) has CE + λ · cross-entropy at τ = 3.

    With `init_epochs` 0 the hint loss stays beside the others throughout. The FitNet of that benchmark is
    {init_epochs: 0, ce_weight: 1, kd_weight: 0}: CE + 100 · hint loss.

    The regressor ends with the teacher's nonlinearity, as in the authors' code (generateConvRegressor): a
    ReLU where the hint is the output of one. RepDistiller and mdistiller have it there always, also for the
    sums that the stages of a WRN put out: `regressor_relu: always`. Their convolution changes the size where
    the sizes differ; here the larger maps are averaged down first.

    `regressor_relu`: whether a ReLU follows the regressor: where the hint is never negative, always, or never
    """

    NEEDS = ("stages",)
    WEIGHTS = (("hint", "weight"), ("kd", "kd_weight"))

    init_epochs: Natural = 30
    init_lr: Positive | None = None
    weight: NonNegative = 100.0
    ce_weight: NonNegative = 0.1
    kd_weight: NonNegative = 0.9
    temperature: Positive = 4.0
    regressor_relu: Literal["as_hint", "always", "never"] = "as_hint"

    def describe(self) -> str:
        """The loss as the table names it."""
        hint = f"{self.weight:g}·hint"
        rest = f"{self.ce_weight:g}·CE"
        if self.kd_weight:
            rest += f" + {self.kd_weight:g}·T²·KL, T={self.temperature:g}"
        return f"{self.preliminary} epochs of {hint}, then {rest}" if self.preliminary else f"{hint} + {rest}"

    def prepare(self, context: Context) -> None:
        """Choose the stages, the middle pair of those of one resolution, and make the regressor."""
        student, teacher = context.student_stages, context.teacher_stages
        pairs = match_stages(student, teacher)
        self.guided, self.hint = pairs[len(pairs) // 2]
        self.regressor = Regressor(student[self.guided], teacher[self.hint])
        if self.regressor_relu == "always" or (
            self.regressor_relu == "as_hint" and never_negative(context.teacher, context.image)[self.hint]
        ):
            self.regressor.append(nn.ReLU())

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """The hint alone in the first stage; in the second, or where there is but one, what it is for."""
        terms = {} if batch.preliminary else self._second_stage(batch)
        if batch.preliminary or not self.preliminary:
            guided, hint = same_size(batch.student.stages[self.guided], batch.teacher.stages[self.hint])
            terms["hint"] = self.weight * hint_loss(self.regressor(guided), hint)
        return terms

    def _second_stage(self, batch: Batch) -> dict[str, Tensor]:
        student, teacher = batch.student.logits, batch.teacher.logits
        terms = {"ce": self.ce_weight * batch.cross_entropy(student)}
        if self.kd_weight:
            terms["kd"] = self.kd_weight * kd_loss(student, teacher, self.temperature)
        return terms
