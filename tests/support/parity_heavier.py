"""What losses are to be, as parity_steps.py has them: of methods that train networks of their own in the step.

p also has the networks' weights, by their names behind "student." and "teacher.". DiffKD's noise and times are drawn
in the order of its step, from the seed that both sides begin with; the other two draw nothing.
"""

import torch
from parity_logits import SAMPLES, entered, linear
from parity_networks import conv, images
from parity_networks import norm as batch_norm
from parity_steps import ONE_HOT, ce, cross, kl, mse, probabilities, regressed, unit
from torch.nn import functional

# --- SSKD: Xu et al. 2020, and student.py of the authors.


def views(x):
    """Images, and the same turned to the left by 90, 180 and 270 degrees."""
    return torch.cat([x, x.mT.flip(2), x.flip(2, 3), x.mT.flip(3)])


def likenesses(p, name, features):
    """Cosines of each turned image and all upright ones, behind a head of two layers."""
    hidden = linear(p, f"{name}.0", features).clamp(min=0)
    rows = unit(linear(p, f"{name}.2", hidden), 1)
    return rows[SAMPLES:] @ rows[:SAMPLES].T


def trusted(scores, answers, share):
    """Rows whose answer is first, and a share of the others by its place; of equal places the first rows."""
    ranks = [(row > row[answer]).sum().item() for row, answer in zip(scores, answers, strict=True)]
    right = ranks.count(0)
    order = sorted(range(len(ranks)), key=lambda row: ranks[row])
    return order[: right + int(share * (len(ranks) - right))]


def sskd(s, t, p):
    """Behind the epochs of the teacher's head; all turned images count, and of the likenesses 0.75 of the wrong."""
    own, theirs = (
        entered(p, role, views(images()), train) for role, train in (("student", True), ("teacher", False))
    )
    alike, target = (
        likenesses(p, f"{name}_head", x.features) for name, x in (("student", own), ("teacher", theirs))
    )
    rows = trusted(target, list(range(SAMPLES)) * 3, 0.75)
    upright, turned = (
        16 * kl(probabilities(theirs.logits[part], 4), own.logits[part], 4)
        for part in (slice(SAMPLES), slice(SAMPLES, None))
    )
    similarity = 0.5**2 * kl(probabilities(target[rows], 0.5), alike[rows], 0.5)
    return 0.1 * cross(ONE_HOT, own.logits[:SAMPLES]).mean() + 0.9 * upright + 2.7 * turned + 10 * similarity


# --- DiffKD: Huang et al. 2023, and losses/diffkd of the authors; a is what is left of a signal at a time.

LEFT = (1 - torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)).cumprod(0)


def chain(p, name, x, *places):
    """Convolutions, at these places of a sequence, with norms, and ReLUs between."""
    for place in places:
        x = x if place == places[0] else x.clamp(min=0)
        x = batch_norm(p, f"{name}.{place + 1}", conv(p, f"{name}.{place}", x))
    return x


def bottleneck(p, name, x):
    return x + chain(p, name, x, 0, 3, 6)


def noise_in(p, name, x, times):
    """What the diffusion model of the "maps" or of the "logits" takes for noise."""
    x, denoise = x + p[f"{name}.times.weight"][times][:, :, None, None], f"{name}.denoise"
    if name == "maps":
        return chain(p, denoise, bottleneck(p, f"{denoise}.1", bottleneck(p, f"{denoise}.0", x)), 2)
    x = chain(p, denoise, chain(p, denoise, x, 0, 3), 5).clamp(min=0)
    return conv(p, f"{denoise}.8", x)


def noise_loss(p, name, signal):
    noise, times = torch.randn(signal.shape), torch.randint(1000, (SAMPLES,))
    a = LEFT[times][:, None, None, None]
    return mse(noise_in(p, name, a.sqrt() * signal + (1 - a).sqrt() * noise, times), noise)


def denoised(p, name, x):
    """Five steps of DDIM from time 400 on, after as much noise as the features lack."""
    x, adapt = conv(p, f"{name}.fit", x), f"{name}.adapt"
    if name == "maps":
        scores = linear(p, f"{adapt}.3", bottleneck(p, f"{adapt}.0", x).mean((2, 3)))
    else:
        scores = linear(p, f"{adapt}.7", chain(p, adapt, x, 0, 3).mean((2, 3)))
    share = probabilities(scores)[:, 0, None, None, None]
    x = share * x + (1 - share) * torch.randn(x.shape)
    for time in (400, 300, 200, 100, 0):
        a, later = LEFT[time], LEFT[time - 100] if time else torch.ones(())
        noise = noise_in(p, name, x, torch.full((SAMPLES,), time))
        x = (later / a).sqrt() * (x - (1 - a).sqrt() * noise) + (1 - later).sqrt() * noise
    return regressed(p, f"{name}.project", x)


def diffkd(s, t, p):
    code = regressed(p, "encode", t.after[-1])
    refined = denoised(p, "logits", s.logits[:, :, None, None])[:, :, 0, 0]
    noise = noise_loss(p, "maps", code.detach()) + noise_loss(p, "logits", t.logits[:, :, None, None])
    maps = mse(denoised(p, "maps", s.after[-1]), code.detach())
    reconstruction = mse(conv(p, "decode", code), t.after[-1])
    return ce(s) + maps + kl(probabilities(t.logits), refined) + noise + reconstruction


# --- OFA-KD: Hao et al. 2023, and distillers/ofa.py of the authors.


def separable(p, name, x):
    """Twice a depthwise and a pointwise convolution, norm and ReLU; the first halves the maps."""
    for place, stride in ((0, 2), (4, 1)):
        x = functional.conv2d(x, p[f"{name}.{place}.weight"], None, stride, 1, groups=x.shape[1])
        x = batch_norm(p, f"{name}.{place + 2}", conv(p, f"{name}.{place + 1}", x)).clamp(min=0)
    return x


def ofa(s, t, p):
    """With the power 1.5 of their command for ImageNet, for with 1 the labels drop out."""
    enhanced = (probabilities(t.logits) + ONE_HOT) ** 1.5 - ONE_HOT
    loss = ce(s) + cross(enhanced, s.logits).mean()
    for number, x in enumerate(s.after):
        blocks = f"projectors.{number}.blocks"
        for block in range(2 - number):
            x = separable(p, f"{blocks}.{block}", x)
        x = conv(p, f"{blocks}.0", x) if number == 2 else x
        logits = linear(p, f"projectors.{number}.classifier", x.mean((2, 3)))
        loss = loss + cross(enhanced, logits).mean()
    return loss


HEAVIER = [sskd, diffkd, ofa]
