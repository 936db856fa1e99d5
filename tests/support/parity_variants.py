"""What losses are to be, as parity_steps.py has them: with options that are no defaults, and in their other epochs."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from parity_heavier import likenesses, views
from parity_logits import SAMPLES, entered, linear
from parity_networks import conv, images
from parity_networks import norm as batch_norm
from parity_steps import (
    ONE_HOT,
    ce,
    fsp,
    hinton,
    kl,
    mse,
    ofd,
    others,
    probabilities,
    regressed,
    reviewkd,
    unit,
)
from torch.nn import functional


@dataclass(frozen=True)
class Variant:
    """A step of `method` with these options; `preliminary`: one of the epochs before the recipe's.

    Its gradient is that of the student's parameters, or, where the student takes no part, of the method's `own`.
    """

    method: str
    step: Callable
    options: dict[str, Any] = field(default_factory=dict)
    preliminary: bool = False
    own: bool = False


def last_sum(step):
    """The same where the last maps are those ahead of a norm that closes the last stage, as in RepDistiller."""

    def other(*both_and_own):
        *both, p = both_and_own
        return step(*(replace(maps, after=[*maps.after[:-1], maps.last_sum]) for maps in both), p)

    return other


def consecutive(s, t, p):
    """RepDistiller's Correlation, of its linear embeddings: the weight is 0.02."""
    gap = (linear(p, "embed.0", s.features) - linear(p, "embed.1", t.features)).abs()
    products = [(gap[n] * gap[n + 1]).sum() for n in range(SAMPLES - 1)]
    return ce(s) + 0.02 * sum(products) / len(products)


def factors(p, name, maps, *, norm):
    for number in (0, 3, 6) if norm else (0, 2, 4):
        maps = conv(p, f"{name}.{number}", maps)
        maps = batch_norm(p, f"{name}.{number + 1}", maps) if norm else maps
        maps = functional.leaky_relu(maps, 0.1)
    return maps


def mean_squares(s, t, p):
    """RepDistiller's FactorTransfer: the weight is 200, and norms are in the translator alone."""
    own = factors(p, "translator", s.last_sum, norm=True)
    theirs = factors(p, "encoder", t.last_sum, norm=False).detach()
    own, theirs = (unit((x**2).mean(1).flatten(1), 1) for x in (own, theirs))
    return ce(s) + 200 * (own - theirs).abs().mean()


def paraphrased(t, p):
    """What the paraphraser makes of the teacher's maps."""
    maps = factors(p, "encoder", t.after[-1], norm=False)
    for number in (0, 2, 4):
        kernel, bias = p[f"decoder.{number}.weight"], p[f"decoder.{number}.bias"]
        maps = functional.leaky_relu(functional.conv_transpose2d(maps, kernel, bias, padding=1), 0.1)
    return maps


def rebuilt(s, t, p):
    return (paraphrased(t, p) - t.after[-1]).abs().mean()


def rebuilt_squared(s, t, p):
    return mse(paraphrased(t, p), t.after[-1])


def self_supervised(s, t, p):
    """Each turned image is to be told by its own upright one, among all; the head is the teacher's."""
    theirs = entered(p, "teacher", views(images()), False)
    scores = likenesses(p, "teacher_head", theirs.features)
    right = torch.arange(len(scores)) % SAMPLES
    logs = scores - scores.exp().sum(1, keepdim=True).log()
    return -logs[torch.arange(len(scores)), right].mean()


def hint(s, t, p):
    fitted = regressed(p, "regressor", s.after[1])
    return 100 * mse(fitted if t.after[1].min() < 0 else fitted.clamp(min=0), t.after[1])


def then_kd(s, t, p):
    return 0.1 * ce(s) + 0.9 * hinton(s, t, 4)


def labels_alone(s, t, p):
    return ce(s)


def z_scores(maps):
    """Logits by their mean and deviation (over C − 1) in each sample, as Sun et al. 2024 have them."""
    x = maps.logits - maps.logits.mean(1, keepdim=True)
    return replace(maps, logits=x / (((x**2).sum(1, keepdim=True) / (x.shape[1] - 1)).sqrt() + 1e-7))


def kd_standardized(s, t, p):
    return 0.1 * ce(s) + 9 * hinton(z_scores(s), z_scores(t), 2)


def dkd_standardized(s, t, p):
    """In the first of 20 epochs of warm-up."""
    own, theirs = (probabilities(z_scores(x).logits, 2) for x in (s, t))
    p_s, p_t = ((x * ONE_HOT).sum(1) for x in (own, theirs))
    tckd = (p_t * (p_t / p_s).log() + (1 - p_t) * ((1 - p_t) / (1 - p_s)).log()).mean()
    nckd = kl(probabilities(others(z_scores(t).logits), 2), others(z_scores(s).logits), 2)
    return ce(s) + 1 / 20 * 4 * (9 * tckd + 72 * nckd)


def soft_token(s, t, p):
    """Of a student with one classifier."""
    return 0.9 * ce(s) + 0.1 * hinton(s, t, 3)


def boundaries_after(s, t, p):
    loss = 0
    for number, (own, theirs) in enumerate(zip(s.after, t.after, strict=True)):
        own = regressed(p, f"connectors.{number}", own)
        short = torch.where(theirs > 0, (1 - own).clamp(min=0), (1 + own).clamp(min=0))
        loss = loss + 2.0 ** (number - 2) * (short**2).sum() / len(own)
    return 3 / 1000 * loss


def review_after(s, t, p):
    return reviewkd(s, replace(t, before=t.after), p)


def flow_of_stages(s, t, p):
    return fsp(*(replace(x, stem=x.after[0], after=x.after[1:]) for x in (s, t)), p)


FIRST = {"init_epochs": 3}
LS_KD = {"standardize": True, "temperature": 2.0, "kd_weight": 9.0}
LS_DKD = {"standardize": True, "temperature": 2.0, "tckd_weight": 9.0, "nckd_weight": 72.0}
VARIANTS = {
    "cc, consecutive": Variant("cc", consecutive, {"formula": "consecutive", "weight": 0.02}),
    "ft, mean squares": Variant(
        "ft",
        mean_squares,
        {"factor": "mean_squares", "translator_norm": True, "last_sum": True, "weight": 200.0},
    ),
    "ft, first epochs": Variant("ft", rebuilt, FIRST, preliminary=True, own=True),
    "ft, squared": Variant(
        "ft", rebuilt_squared, FIRST | {"reconstruction": "mse"}, preliminary=True, own=True
    ),
    "sskd, first epochs": Variant("sskd", self_supervised, FIRST, preliminary=True, own=True),
    "fitnet, first epochs": Variant("fitnet", hint, FIRST, preliminary=True),
    "fitnet, second part": Variant("fitnet", then_kd, FIRST),
    "ab, second part": Variant("ab", then_kd, FIRST),
    "fsp, second part": Variant("fsp", labels_alone, FIRST),
    "fsp, no stem": Variant("fsp", flow_of_stages, {"stem": False}, preliminary=True),
    "ab, after the ReLU": Variant("ab", boundaries_after, {"before_relu": False}, preliminary=True),
    "reviewkd, after the ReLU": Variant("reviewkd", review_after, {"before_relu": False}),
    "ofd, teacher in eval mode": Variant("ofd", ofd, {"teacher_mode": "eval"}),
    "deit, soft": Variant("deit", soft_token, {"targets": "soft", "temperature": 3.0, "alpha": 0.1}),
    "kd, standardized": Variant("kd", kd_standardized, LS_KD),
    "dkd, standardized": Variant("dkd", dkd_standardized, LS_DKD),
}
