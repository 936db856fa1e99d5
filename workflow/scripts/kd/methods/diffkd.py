r"""Knowledge diffusion (DiffKD): Huang, Zhang, Zheng, You, Wang, Qian & Xu 2023 (arXiv:2305.15712).

Takes the student's features for the teacher's with noise. A small diffusion model, which learns from the
teacher's what noise is, removes it, and what is left is compared.

$$
    \begin{split}
    L &= \text{CE}(y, q) + w\,\text{MSE}(\tilde{A}^s, e(A^t)) \\
        &+ w_\text{kd}\,T^2\,\text{KL}(p_T \| \tilde{q}_T) + \text{MSE}(d(e(A^t)), A^t) \\
        &+ w_\text{noise} \sum_x \text{MSE}(ε_t(\sqrt{a_t}\,x + \sqrt{1 - a_t}\,ε), ε)
    \end{split}
$$

With a tilde over what was denoised, and an autoencoder d(e(A)) of the teacher's maps. In the sum x is e(Aᵗ),
and the teacher's logits.

Code: hunto/DiffKD (the authors').
"""

from itertools import accumulate, pairwise
from operator import mul

import torch
from torch import Tensor, nn
from torch.nn import functional

from kd.distillation.base import Context, Distillation
from kd.distillation.batch import Batch
from kd.distillation.features import same_size
from kd.methods.kd import kd_loss
from kd.settings.types import NonNegative, Positive, Share

TIMES, STEP, FIRST = 1000, 100, 400  # of the diffusion; denoised are 400, 300, 200, 100 and 0
# How much of a signal is left at each time: the products of 1 − β, with β from 10⁻⁴ to 0.02.
KEPT = list(accumulate((1 - 1e-4 - (0.02 - 1e-4) * time / (TIMES - 1) for time in range(TIMES)), mul))


def noised(signal: Tensor, noise: Tensor, kept: Tensor) -> Tensor:
    """√a · x + √(1 − a) · ε, the forward process: signal and noise (B, C, H, W), a (B,) of each sample."""
    kept = kept[:, None, None, None]
    return kept.sqrt() * signal + (1 - kept).sqrt() * noise


def step_back(maps: Tensor, noise: Tensor, time: int) -> Tensor:
    """Maps at time − STEP, from those at `time` and the noise predicted in them (DDIM without randomness).

    x̂ = (x − √(1 − a) · ε) / √a, and √a' · x̂ + √(1 − a') · ε, where a' is 1 before time 0: Song et al. 2021
    (arXiv:2010.02502, equation 12).
    """
    kept, before = KEPT[time], KEPT[time - STEP] if time >= STEP else 1.0
    clean = (maps - (1 - kept) ** 0.5 * noise) / kept**0.5
    return before**0.5 * clean + (1 - before) ** 0.5 * noise


def _convolutions(*sizes: int, kernels: tuple[int, ...]) -> list[nn.Module]:
    """Convolutions with norms, and ReLUs between."""
    parts: list[nn.Module] = []
    for (ins, outs), kernel in zip(pairwise(sizes), kernels, strict=True):
        convolution = nn.Conv2d(ins, outs, kernel, padding=kernel // 2, bias=False)
        parts += [convolution, nn.BatchNorm2d(outs), nn.ReLU()]
    return parts[:-1]


class _Bottleneck(nn.Sequential):
    """1x1, 3x3 and 1x1 convolutions, narrower by `reduction` inside, beside an identity."""

    def __init__(self, channels: int, reduction: int = 4) -> None:
        inner = max(1, channels // reduction)
        super().__init__(*_convolutions(channels, inner, inner, channels, kernels=(1, 3, 1)))

    def forward(self, maps: Tensor) -> Tensor:
        return maps + super().forward(maps)


class Refiner(nn.Module):
    """Denoises features of a student's channels to those of the teacher, and learns what noise is.

    `maps`: whether they are feature maps, with 3x3 convolutions, or logits as maps of one pixel.
    """

    def __init__(self, source: int, channels: int, *, maps: bool) -> None:
        super().__init__()
        self.fit = nn.Conv2d(source, channels, 1)
        self.times = nn.Embedding(TIMES, channels)
        if maps:
            denoise = [_Bottleneck(channels), _Bottleneck(channels)]
            denoise += _convolutions(channels, channels, kernels=(1,))
            adapt: list[nn.Module] = [_Bottleneck(channels, reduction=8)]
        else:
            wide = 4 * channels
            denoise = _convolutions(channels, wide, channels, kernels=(1, 1))
            denoise += [*_convolutions(channels, wide, kernels=(1,)), nn.ReLU()]
            denoise.append(nn.Conv2d(wide, channels, 1))
            adapt = _convolutions(channels, 2 * channels, channels, kernels=(1, 1))
        self.denoise = nn.Sequential(*denoise)
        self.adapt = nn.Sequential(*adapt, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 2))
        self.project = nn.Sequential(*_convolutions(channels, channels, kernels=(1,)))
        self.register_buffer("kept", torch.tensor(KEPT), persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """What is left of features (B, source, H, W) without their noise: (B, channels, H, W)."""
        features = self.fit(features)
        share = self.adapt(features).softmax(dim=1)[:, :1, None, None]  # as much noise as they lack
        features = share * features + (1 - share) * torch.randn_like(features)
        for time in range(FIRST, -1, -STEP):
            noise = self.denoise(features + self.times.weight[time][:, None, None])
            features = step_back(features, noise, time)
        return self.project(features)

    def noise_loss(self, signal: Tensor) -> Tensor:
        """Mean squared difference of the noise added to (B, channels, H, W), and its prediction: a scalar."""
        noise = torch.randn_like(signal)
        times = torch.randint(TIMES, signal.shape[:1], device=signal.device)
        mixed = noised(signal, noise, self.kept[times])
        return functional.mse_loss(self.denoise(mixed + self.times(times)[:, :, None, None]), noise)


class Method(Distillation):
    """CE + `weight` · features + `kd_weight` · T² · KL + `noise_weight` · noise, + the reconstruction.

    All weights are 1 and T = 1 in the authors' code, for ImageNet; they published none for CIFAR-100. Last
    feature maps and logits have a diffusion model each. The maps of the teacher are compressed by a linear
    autoencoder, to half of their channels as for its ResNet50. Five steps denoise, of 1000 that it learns.
    Where maps differ in size, the larger are averaged down. All parts are gone when the training ends.

    `noise_weight`: weight of what the diffusion models learn from
    `compressed`: channels of the autoencoder, as a share of the teacher's
    """

    NEEDS = ("stages",)
    WEIGHTS = (("features", "weight"), ("kd", "kd_weight"))

    weight: NonNegative = 1.0
    kd_weight: NonNegative = 1.0
    noise_weight: Positive = 1.0
    temperature: Positive = 1.0
    compressed: Share = 0.5

    def describe(self) -> str:
        """The loss as the table names it."""
        parts = f"{self.weight:g}·features + {self.kd_weight:g}·T²·KL, denoised"
        return f"CE + {parts} (DiffKD), T={self.temperature:g}"

    def prepare(self, context: Context) -> None:
        """The autoencoder, and a diffusion model for the maps and one for the logits."""
        source, target = context.student_stages[-1][0], context.teacher_stages[-1][0]
        inner = max(1, round(self.compressed * target))
        self.encode = nn.Sequential(*_convolutions(target, inner, kernels=(1,)))
        self.decode = nn.Conv2d(inner, target, 1)
        self.maps = Refiner(source, inner, maps=True)
        self.logits = Refiner(context.classes, context.classes, maps=False)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy, both comparisons, and what the method's own parts learn from."""
        student, teacher = batch.student, batch.teacher
        own, other = same_size(student.stages[-1], teacher.stages[-1])
        code = self.encode(other)
        target, logits = code.detach(), teacher.logits[:, :, None, None]
        refined = self.logits(student.logits[:, :, None, None])[:, :, 0, 0]
        noise = self.maps.noise_loss(target) + self.logits.noise_loss(logits)
        return {
            "ce": batch.cross_entropy(student.logits),
            "features": self.weight * functional.mse_loss(self.maps(own), target),
            "kd": self.kd_weight * kd_loss(refined, teacher.logits, self.temperature),
            "noise": self.noise_weight * noise,
            "reconstruction": functional.mse_loss(self.decode(code), other),
        }
