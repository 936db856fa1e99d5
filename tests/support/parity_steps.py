"""What the loss of each method is to be, written from the papers and from what their authors' code computes.

s and t are the `Maps` of student and teacher, p what the method owns, by the names of its state dict. Plain
tensor code in float64: nothing of kd computes anything here.
"""

import math
from itertools import pairwise

import torch
from parity_networks import CLASSES, LABELS, conv, images, norm, resnet
from torch.nn import functional


def probabilities(logits, T=1.0):
    powers = (logits / T - (logits / T).max(1, keepdim=True).values).exp()
    return powers / powers.sum(1, keepdim=True)


def cross(target, logits, T=1.0):
    return -(target * probabilities(logits, T).log()).sum(1)


ONE_HOT = functional.one_hot(LABELS, CLASSES).double()


def ce(s):
    return cross(ONE_HOT, s.logits).mean()


def kl(target, logits, T=1.0):
    return (target * (target.log() - probabilities(logits, T).log())).sum(1).mean()


def hinton(s, t, T):
    return T**2 * kl(probabilities(t.logits, T), s.logits, T)


def regressed(p, name, maps):
    """1x1 convolution and norm."""
    return norm(p, f"{name}.1", conv(p, f"{name}.0", maps))


def mse(one, other):
    return ((one - other) ** 2).mean()


def kd(s, t, p):
    return 0.1 * ce(s) + 0.9 * hinton(s, t, 4)


def others(logits):
    return logits[ONE_HOT == 0].view(len(logits), CLASSES - 1)


def dkd(s, t, p):
    p_t, p_s = ((probabilities(x.logits, 4) * ONE_HOT).sum(1) for x in (t, s))
    tckd = (p_t * (p_t / p_s).log() + (1 - p_t) * ((1 - p_t) / (1 - p_s)).log()).mean()
    nckd = kl(probabilities(others(t.logits), 4), others(s.logits), 4)
    return ce(s) + 1 / 20 * 16 * (tckd + 8 * nckd)  # in the first of 20 epochs of warm-up


def pearson(one, other):
    """With what the authors' code adds to the product of the lengths."""
    one, other = (x - x.mean(1, keepdim=True) for x in (one, other))
    return (one * other).sum(1) / ((one**2).sum(1).sqrt() * (other**2).sum(1).sqrt() + 1e-8)


def dist(s, t, p):
    one, other = probabilities(s.logits), probabilities(t.logits)
    return ce(s) + 2 * (1 - pearson(one, other)).mean() + 2 * (1 - pearson(one.T, other.T)).mean()


def mlkd(s, t, p):
    loss = 2 * 0.1 * ce(s)
    for T in (2, 3, 4, 5, 6):
        one, other = probabilities(s.logits, T), probabilities(t.logits, T)
        loss = loss + 1.5 * 0.9 * hinton(s, t, T)
        loss = loss + 0.5 * 0.9 * ((other @ other.T - one @ one.T) ** 2).sum() / len(one)
        loss = loss + 0.5 * 0.9 * ((other.T @ other - one.T @ one) ** 2).sum() / CLASSES
    return loss


def ctkd(s, t, p):
    T = 1 + 20 / (1 + math.exp(-p["theta"]))
    return 0.1 * ce(s) + 0.9 * hinton(s, t, T)


def nkd(s, t, p):
    target = -((probabilities(t.logits) * ONE_HOT).sum(1) * -cross(ONE_HOT, s.logits)).mean()
    return ce(s) + target + 1.5 * cross(probabilities(others(t.logits)), others(s.logits)).mean()


def wsld(s, t, p):
    own, theirs = (cross(ONE_HOT, x.logits).detach() for x in (s, t))
    weight = 1 - (-own / (theirs + 1e-7)).exp()
    return ce(s) + 2.5 * 4 * (weight * cross(probabilities(t.logits, 2), s.logits, 2)).mean()


def tfkd(s, t, p):
    virtual = 0.99 * ONE_HOT + 0.01 / (CLASSES - 1) * (1 - ONE_HOT)
    return 0.9 * ce(s) + 0.1 * kl(probabilities(virtual, 20), s.logits)


def label_smoothing(s, t, p):
    return cross(0.9 * ONE_HOT + 0.1 / CLASSES, s.logits).mean()


def dml(s, t, p):
    peer = resnet({name.removeprefix("peer."): value for name, value in p.items()}, images(), True)
    mimic = kl(probabilities(peer.logits.detach()), s.logits) + kl(
        probabilities(s.logits.detach()), peer.logits
    )
    return ce(s) + mimic + ce(peer)


def byot(s, t, p):
    loss = ce(s)
    deepest, teacher = s.features.detach(), probabilities(s.logits.detach(), 3)
    for number, maps in enumerate(s.after[:2]):
        head, step = f"heads.{number}.", 4 >> number
        x = norm(p, f"{head}bottleneck.1", conv(p, f"{head}bottleneck.0", maps)).clamp(min=0)
        x = functional.conv2d(x, p[f"{head}bottleneck.3.weight"], stride=step)
        x = norm(p, f"{head}bottleneck.4", x).clamp(min=0)
        x = norm(p, f"{head}bottleneck.7", conv(p, f"{head}bottleneck.6", x)).clamp(min=0).mean((2, 3))
        logits = x @ p[f"{head}classifier.weight"].T + p[f"{head}classifier.bias"]
        loss = loss + 0.7 * cross(ONE_HOT, logits).mean() + 0.3 * 9 * kl(teacher, logits, 3)
        loss = loss + 0.03 * ((x - deepest) ** 2).sum(1).mean()
    return loss


def fitnet(s, t, p):
    """The form of the benchmark: CE + 100 · hint, the regressor with a ReLU where the hint has one."""
    fitted = regressed(p, "regressor", s.after[1])
    return ce(s) + 100 * mse(fitted if t.after[1].min() < 0 else fitted.clamp(min=0), t.after[1])


def unit(x, dim):
    return x / (x**2).sum(dim, keepdim=True).sqrt()


def at(s, t, p):
    pairs = zip(s.after, t.after, strict=True)
    return ce(s) + 1000 * sum(mse(*(unit((x**2).mean(1).flatten(1), 1) for x in pair)) for pair in pairs)


def sp(s, t, p):
    flat = [x.after[-1].flatten(1) for x in (s, t)]
    return ce(s) + 3000 * mse(*(unit(x @ x.T, 1) for x in flat))


def nst(s, t, p):
    def kernel(one, other):
        return (torch.einsum("bip,bjp->bij", one, other) ** 2).mean((1, 2))

    loss = 0
    for pair in zip(s.after, t.after, strict=True):
        x, y = (functional.normalize(maps.flatten(2), dim=2) for maps in pair)
        loss = loss + (kernel(x, x) + kernel(y, y) - 2 * kernel(x, y)).mean()
    return ce(s) + 50 * loss


def rkd(s, t, p):
    def relations(x):
        between = x[None] - x[:, None]
        apart = torch.stack([(row**2).sum(1) for row in between]) + torch.eye(len(x))
        distance = apart.sqrt() - torch.eye(len(x))
        directions = between / (distance + torch.eye(len(x)))[..., None]
        mean = distance.sum() / (len(x) * (len(x) - 1))
        return distance / mean, torch.einsum("jid,jkd->jik", directions, directions)

    def huber(one, other):
        gap = (one - other).abs()
        return torch.where(gap < 1, gap**2 / 2, gap - 0.5).mean()

    own, theirs = relations(s.features), relations(t.features)
    return ce(s) + 25 * huber(own[0], theirs[0]) + 50 * huber(own[1], theirs[1])


def pkt(s, t, p):
    def picked(x):
        kernel = (unit(x, 1) @ unit(x, 1).T + 1) / 2 * (1 - torch.eye(len(x)))
        return kernel / kernel.sum(1, keepdim=True)

    away = torch.eye(len(LABELS)) == 0
    own, theirs = picked(s.features)[away], picked(t.features)[away]
    return ce(s) + 30000 * (theirs * (theirs / own).log()).sum() / len(LABELS) ** 2


def cc(s, t, p):
    def correlations(x):
        cosine = unit(x, 1) @ unit(x, 1).T
        return math.exp(-0.8) * (1 + 0.8 * cosine + 0.8**2 / 2 * cosine**2)

    return ce(s) + 100 * mse(correlations(s.features), correlations(t.features))


def vid(s, t, p):
    loss = 0
    for number, (own, theirs) in enumerate(zip(s.after, t.after, strict=True)):
        mean = conv(p, f"guesses.{number}.mean.0", own).clamp(min=0)
        mean = conv(p, f"guesses.{number}.mean.2", mean).clamp(min=0)
        mean = conv(p, f"guesses.{number}.mean.4", mean)
        variance = (1 + p[f"guesses.{number}.alpha"].exp()).log()[:, None, None] + 1e-5
        loss = loss + 0.5 * (variance.log() + (theirs - mean) ** 2 / variance).mean()
    return ce(s) + loss


def fsp(s, t, p):
    """In the first epochs: the flow from the stem through the stages."""

    def flow(one, other):
        one = functional.adaptive_avg_pool2d(one, other.shape[2:])
        return torch.einsum("bchw,bdhw->bcd", one, other) / (other.shape[2] * other.shape[3])

    own, theirs = [s.stem, *s.after], [t.stem, *t.after]
    own = [
        regressed(p, f"fits.{n}", x) if x.shape != y.shape else x
        for n, (x, y) in enumerate(zip(own, theirs, strict=True))
    ]
    return sum(mse(flow(*x), flow(*y)) for x, y in zip(pairwise(own), pairwise(theirs), strict=True))


def ab(s, t, p):
    """In the first epochs: the boundaries, before the ReLUs."""
    loss = 0
    for number, (own, theirs) in enumerate(zip(s.before, t.before, strict=True)):
        own = own if own.shape == theirs.shape else regressed(p, f"connectors.{number}", own)
        short = torch.where(theirs > 0, (1 - own).clamp(min=0), (1 + own).clamp(min=0))
        loss = loss + 2.0 ** (number - 2) * (short**2).sum() / len(own)
    return 3 / 1000 * loss


def ft(s, t, p):
    def factor(name, maps):
        for number in (0, 2, 4):
            maps = functional.leaky_relu(conv(p, f"{name}.{number}", maps), 0.1)
        return unit(maps.flatten(1), 1)

    own, theirs = factor("translator", s.after[-1]), factor("encoder", t.after[-1]).detach()
    return ce(s) + 500 * (own - theirs).abs().mean()


def ofd(s, t, p):
    """The teacher's norms go by the batch; margins are of this one."""
    loss = 0
    for number, (own, theirs) in enumerate(zip(s.before, t.before, strict=True)):
        own, below = regressed(p, f"connectors.{number}", own), theirs < 0
        margin = (theirs * below).sum((0, 2, 3)) / below.sum((0, 2, 3)).clamp(min=1)  # 0 where none is
        target = torch.maximum(theirs, margin[:, None, None])
        ignored = (own <= target) & (target <= 0)
        loss = loss + 2.0 ** (number - 2) * ((own - target) ** 2 * ~ignored).sum() / len(own)
    return ce(s) + loss / 1000


def reviewkd(s, t, p):
    """In the first of 20 epochs of warm-up; the teacher's maps before the ReLUs."""

    def context(own, theirs):
        loss, weight, total = mse(own, theirs), 1.0, 1.0
        for side in (4, 2, 1):
            if side < own.shape[2]:
                weight, total = weight / 2, total + weight / 2
                loss = loss + weight * mse(*(functional.adaptive_avg_pool2d(x, side) for x in (own, theirs)))
        return loss / total

    own = [s.features[..., None, None], *s.after[::-1]]
    theirs = [t.features[..., None, None], *t.before[::-1]]
    loss, deeper = 0, None
    for number, (maps, target) in enumerate(zip(own, theirs, strict=True)):
        x = regressed(p, f"fusions.{number}.enter", maps)
        if deeper is not None:
            y = deeper.repeat_interleave(x.shape[2] // deeper.shape[2], 2)
            y = y.repeat_interleave(x.shape[3] // deeper.shape[3], 3)
            z = 1 / (1 + (-conv(p, f"fusions.{number}.attend.0", torch.cat([x, y], 1))).exp())
            x = x * z[:, :1] + y * z[:, 1:]
        deeper = x
        loss = loss + context(regressed(p, f"fusions.{number}.leave", x), target)
    return ce(s) + loss / 20


def srrl(s, t, p):
    features = regressed(p, "connector.0", s.after[-1]).clamp(min=0).mean((2, 3))
    logits = features @ p["classifier.weight"].T + p["classifier.bias"]
    return ce(s) + mse(features, t.features) + mse(logits, t.logits)


STEPS = [
    *(kd, dkd, dist, mlkd, ctkd, nkd, wsld, tfkd, label_smoothing, dml, byot),
    *(fitnet, at, sp, nst, rkd, pkt, cc, vid, fsp, ab, ft, ofd, reviewkd, srrl),
]
