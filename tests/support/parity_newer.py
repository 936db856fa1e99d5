"""More of what losses are to be, as parity_steps.py has them: the methods with parts of their own since 2020.

p also has the student's weights, by their names behind "student.": a method may have given it layers.
"""

from itertools import pairwise

import torch
from parity_networks import CLASSES, LABELS, conv
from parity_networks import norm as batch_norm
from parity_steps import ONE_HOT, ce, cross, hinton, kl, mse, others, pearson, probabilities, regressed, unit
from torch.nn import functional

SAMPLES = len(LABELS)


def linear(p, name, x):
    return x @ p[f"{name}.weight"].T + p.get(f"{name}.bias", 0)


def norm_rows(p, name, x):
    """Batch norm of rows."""
    return batch_norm(p, name, x[..., None, None])[..., 0, 0]


def lengths(x):
    return (x**2).sum(1).sqrt()


def ttm(s, t, p):
    return ce(s) + 45 * kl(probabilities(t.logits, 10), s.logits)


def wttm(s, t, p):
    target, smooth = probabilities(t.logits, 5), (probabilities(t.logits) ** (1 / 5)).sum(1)
    gaps = (target * (target.log() - probabilities(s.logits).log())).sum(1)
    return ce(s) + 4 * (smooth * gaps).mean()


def abkd(s, t, p):
    one, other, a, b = probabilities(t.logits, 4), probabilities(s.logits, 4), 0.8, 0.3
    gaps = one**a * other**b - a / (a + b) * one ** (a + b) - b / (a + b) * other ** (a + b)
    return ce(s) + 32 * (-gaps / (a * b)).sum(1).mean()


def rld(s, t, p):
    """In the first of 20 epochs of warm-up."""
    confidence = relations = 0
    for own, theirs, label in zip(s.logits, t.logits, LABELS.tolist(), strict=True):
        q, best = probabilities(own[None], 4)[0, label], probabilities(theirs[None], 4).max()
        confidence += best * (best / q).log() + (1 - best) * ((1 - best) / (1 - q)).log()
        below = [number for number in range(CLASSES) if theirs[number] < theirs[label]]
        if len(below) > 1:
            relations += kl(probabilities(theirs[None, below], 4), own[None, below], 4)
    return ce(s) + 16 / 20 * (confidence + 8 * relations) / SAMPLES


def uskd(s, t, p):
    """Shares of 1 / rank for the classes beside the label, ranked by both classifiers."""
    q = (probabilities(s.logits) * ONE_HOT).sum(1)
    v = (1 + q**2 - (q**2).mean()).detach()
    weak = linear(p, "auxiliary", s.after[-2].mean((2, 3)))
    sums = (probabilities(others(s.logits)) + probabilities(others(weak))).detach()
    places = torch.tensor([[sum(row > value) + 1 for value in row] for row in sums])
    shares = 1 / places.double()
    nontarget = cross(shares / shares.sum(1, keepdim=True), others(s.logits)).mean()
    learnt = cross(0.9 * ONE_HOT + 0.1 / CLASSES, weak).mean()
    return ce(s) + 0.1 * -(v * q.log()).mean() + 0.1 * nontarget + 0.1 * learnt


def ps_kd(s, t, p):
    """In the first of ten epochs, from predictions that have been kept."""
    return 0.92 * ce(s) + 0.08 * cross(p["predictions"], s.logits).mean()


def dist_plus(s, t, p):
    one, other = probabilities(s.logits, 4), probabilities(t.logits, 4)
    loss = 2 * 16 * (2 - pearson(one, other).mean() - pearson(one.T, other.T).mean())
    own, theirs = s.after[-1], t.after[-1]
    own = own if own.shape == theirs.shape else regressed(p, "regressor", own)
    pixels = (x.permute(0, 2, 3, 1).reshape(-1, x.shape[1]) for x in (own, theirs))
    samples = (x.sum(1).flatten(1).T for x in (own, theirs))
    return ce(s) + loss + (1 - pearson(*pixels)).mean() + (1 - pearson(*samples)).mean()


def multi_head(s, t, p):
    """Of two teachers, the second of which has the classes of the first in reverse."""
    members = [t.logits, t.logits.flip(1)]
    loss = 0.1 * ce(s) + 0.9 * 16 * kl(probabilities(sum(members) / 2, 4), s.logits, 4)
    for number, logits in enumerate(members):
        head = linear(p, f"heads.{number}", s.features)
        loss = loss + 0.9 / 2 * 16 * kl(probabilities(logits, 4), head, 4)
    return loss


def crd(s, t, p):
    """In the first batch, which sets Z; negatives are drawn of the samples of other classes, ordered by class."""
    ordered = LABELS.argsort()
    places = torch.randint(2**62, (SAMPLES, SAMPLES - 1))
    negatives = []
    for label, row in zip(LABELS, places, strict=True):
        rest = ordered[LABELS[ordered] != label]
        negatives.append(rest[row % len(rest)])
    negatives, loss = torch.stack(negatives), 0
    for own, features in enumerate((s.features, t.features)):
        vector, memory = unit(linear(p, f"embed.{own}", features), 1), p["rows"][1 - own]
        positive = ((vector * memory).sum(1) / 0.07).exp()
        scores = (torch.einsum("bd,bnd->bn", vector, memory[negatives]) / 0.07).exp()
        z = torch.cat([positive, scores.flatten()]).mean().detach()
        count = scores.shape[1]
        positive, scores = positive / z, scores / z
        loss = loss - (positive / (positive + count)).log().mean()
        loss = loss - (count / (scores + count)).log().sum(1).mean()
    return ce(s) + 0.8 * loss


def kdsvd(s, t, p):
    """By LAPACK's decomposition: the first vector of the teacher, and that of the student most like it."""

    def vectors(x):
        """Of matrices of energy 1 the products G (B, channels, channels), and the four first vectors."""
        rows = x.flatten(2) / (x**2).sum((1, 2, 3)).sqrt()[:, None, None]
        return rows @ rows.mT, torch.linalg.svd(rows.detach(), full_matrices=False)[0][:, :, :4]

    def moved(product, vector):
        """The vector with its gradient, as perturbation theory has it: dv = (λ − G)⁺ dG v."""
        change = product @ vector[:, :, None]
        value = (vector[:, None] @ change.detach())[..., 0]
        inverse = torch.linalg.pinv(value[..., None] * torch.eye(len(product[0])) - product.detach(), 1e-10)
        return vector + (inverse @ (change - change.detach()))[..., 0]

    own, theirs = [], []
    for number, (maps, target) in enumerate(zip(s.after, t.after, strict=True)):
        maps = maps if maps.shape == target.shape else regressed(p, f"fits.{number}", maps)
        first = vectors(target)[1][:, :, 0]
        theirs.append(first * first.sum(1, keepdim=True).sign())
        product, found = vectors(maps)
        cosines = (found * theirs[-1][:, :, None]).sum(1)
        rows, best = torch.arange(SAMPLES), cosines.abs().argmax(1)
        own.append(moved(product, found[rows, :, best] * cosines[rows, best].sign()[:, None]))

    def kernels(stages):
        return [(-((w[:, :, None] - v[:, None]) ** 2) / 8).exp() for v, w in pairwise(stages)]

    pairs = zip(kernels(own), kernels(theirs), strict=True)
    return ce(s) + sum(((one - other) ** 2).sum() for one, other in pairs) / SAMPLES


def simkd(s, t, p):
    """The projector is one more stage of the student."""
    x = s.after[-1]
    for number in (0, 3, 6):
        x = batch_norm(p, f"student.stages.3.{number + 1}", conv(p, f"student.stages.3.{number}", x)).clamp(
            min=0
        )
    return mse(x, t.after[-1])


def norm(s, t, p):
    """In the first epoch, where u = 0.1; the transform is one more stage of the student."""
    name, channels = "student.stages.3", t.after[-1].shape[1]
    expanded = regressed(p, f"{name}.expand", s.after[-1])
    features = (s.after[-1] + regressed(p, f"{name}.contract", expanded)).mean((2, 3))
    segments = [mse(part, t.after[-1]) for part in expanded.split(channels, 1)]
    assert len(segments) == 8
    return cross(ONE_HOT, linear(p, "student.classifier", features)).mean() + 0.1 * sum(segments)


def srd(s, t, p):
    def standardised(x):
        return (x - x.mean(0)) / (x.var(0, unbiased=False) + 1e-4).sqrt()

    gaps = standardised(linear(p, "projector", s.features)) - standardised(t.features)
    return ce(s) + 2 * ((gaps**4).sum() + 1e-5).log() + hinton(s, t, 1)


def vkd(s, t, p):
    """The projection is a rotation times the exponential of a skew-symmetric matrix."""
    triangle, start = p["project.triangle"], p["project.start"]
    large, small = triangle.shape
    lower = torch.cat([triangle.tril(), torch.zeros(large, large - small)], 1)
    columns = start @ torch.matrix_exp(lower - lower.T)[:, :small]
    wide = t.features.shape[1] >= s.features.shape[1]
    projected = s.features @ (columns.T if wide else columns)
    deviation = (t.features.var(1, unbiased=False, keepdim=True) + 1e-5).sqrt()
    gaps = (projected - (t.features - t.features.mean(1, keepdim=True)) / deviation).abs()
    return ce(s) + torch.where(gaps < 1, gaps**2 / 2, gaps - 0.5).mean() + hinton(s, t, 1)


def pefd(s, t, p):
    projected = sum(linear(p, f"ensemble.{number}", s.features).clamp(min=0) for number in range(3)) / 3
    return ce(s) + 25 * (1 - (unit(projected, 1) * unit(t.features, 1)).sum(1)).mean()


def itrd(s, t, p):
    embedded, target = linear(p, "embed", s.features), t.features
    one, other = ((x - x.mean(0)) / x.std(0) for x in (embedded, target))
    gaps = (one * other).sum(0) / SAMPLES - 1
    correlation = (gaps.abs() ** (2 * 1.01)).sum().log2()
    own = s.features if s.features.shape == target.shape else embedded
    grams = [unit(x, 1) @ unit(x, 1).T for x in (own, target)]
    grams = grams[0], grams[0] * grams[1]
    mutual = [((gram / gram.trace()) ** 2).sum() for gram in grams]
    return ce(s) + 2 * correlation + mutual[0] - mutual[1]


def pad(s, t, p):
    """With the variance, which has no part in the first epochs."""
    same = s.features.shape == t.features.shape
    fitted = s.features if same else linear(p, "fit", s.features)
    logs = norm_rows(p, "log_variance.1", linear(p, "log_variance.0", fitted))
    return ce(s) + ((t.features - fitted) ** 2 / (logs.exp() + 1e-6) + logs).mean()


def mgd(s, t, p):
    maps = s.after[-1]
    if maps.shape != t.after[-1].shape:
        maps = conv(p, "fit", maps)
    maps = maps * (torch.rand(maps.shape[:2], dtype=torch.float32) >= 0.15)[..., None, None]
    made = conv(p, "generator.2", conv(p, "generator.0", maps).clamp(min=0))
    return ce(s) + 0.0012 * ((made - t.after[-1]) ** 2).sum() / SAMPLES


def catkd(s, t, p):
    def activations(x, weight):
        made = torch.einsum("bkyx,ck->bcyx", x, weight)
        parts = made.unflatten(3, (2, -1)).unflatten(2, (2, -1)).mean((3, 5)).flatten(2)
        return unit(parts, 2)

    pair = (
        activations(s.after[-1], p["student.classifier.weight"]),
        activations(t.after[-1], p["teacher.weight"]),
    )
    return ce(s) + 40 * mse(*pair)


def ickd(s, t, p):
    fitted, target = (x.flatten(2) for x in (regressed(p, "fit", s.after[-1]), t.after[-1]))
    one, other = (functional.normalize(x @ x.mT, dim=2) for x in (fitted, target))  # a dead channel stays 0
    return ce(s) + 2.5 * ((one - other) ** 2).sum(2).mean()


def wkd_f(s, t, p):
    """Before the weight falls."""
    fitted = regressed(p, "regressor.0", s.after[-1]).clamp(min=0)
    pair = [x.flatten(2) for x in (fitted, t.after[-1])]
    means = [x.mean(2) for x in pair]
    deviations = [(x.var(2) + 1e-5).sqrt() for x in pair]
    gaps = 4 * (means[0] - means[1]) ** 2 + (deviations[0] - deviations[1]) ** 2
    return ce(s) + 0.08 * gaps.sum(1).mean()


def semckd(s, t, p):
    """Similarities with all samples; 64 are asked for, and the batch has eight."""

    def embedded(name, stages):
        rows = []
        for number, x in enumerate(stages):
            similar = x.flatten(1) @ x.flatten(1).T
            similar = torch.cat([similar, torch.zeros(SAMPLES, 64 - SAMPLES)], 1)
            hidden = linear(p, f"{name}.{number}.0", similar).clamp(min=0)
            rows.append(unit(linear(p, f"{name}.{number}.2", hidden), 1))
        return torch.stack(rows, 1)

    attention = (embedded("queries", s.after) @ embedded("keys", t.after).mT).exp()
    attention = attention / attention.sum(2, keepdim=True)
    loss, number = 0, 0
    for i, own in enumerate(s.after):
        for j, other in enumerate(t.after):
            side = min(own.shape[2], other.shape[2])
            x, y = (functional.adaptive_avg_pool2d(maps, side) for maps in (own, other))
            for layer in (0, 3):
                fit = f"fits.{number}.{layer}"
                x = batch_norm(p, f"fits.{number}.{layer + 1}", conv(p, fit, x)).clamp(min=0)
            gaps = ((conv(p, f"fits.{number}.6", x) - y) ** 2).mean((1, 2, 3))
            loss, number = loss + (attention[:, i, j] * gaps).mean() / len(s.after), number + 1
    return ce(s) + 100 * loss + hinton(s, t, 4)


def nd(s, t, p):
    """In the first batch, where each class has one image: the directions are the teacher's features."""
    own = s.features
    if own.shape != t.features.shape:
        kept = functional.dropout(torch.ones(own.shape), 0.5)
        own = linear(p, "fit.2", norm_rows(p, "fit.0", own) * kept)
    longer = torch.maximum(lengths(own), lengths(t.features))
    return ce(s) + 2 * (1 - (own * unit(t.features, 1)).sum(1) / longer).mean()


def deit(s, t, p):
    decided = functional.one_hot(t.logits.argmax(1), CLASSES)
    return 0.5 * ce(s) + 0.5 * cross(decided, s.logits).mean()


def regional(s, t, p):
    """Logits of the whole, the quarters and the sixteenths of maps of 4x4, and the weight of each: lists."""
    weights, logits = [], [[], []]
    for side in (1, 2, 4):
        step = 4 // side
        for y in range(0, 4, step):
            for x in range(0, 4, step):
                for number, (maps, name) in enumerate(((s, "student.classifier"), (t, "teacher"))):
                    part = maps.after[-1][:, :, y : y + step, x : x + step].mean((2, 3))
                    logits[number].append(linear(p, name, part))
                right = logits[1][-1].argmax(1) == LABELS
                weights.append(1.0 + (right != (logits[1][0].argmax(1) == LABELS)))
    return *logits, weights


def gaps(target, logits, T=1.0):
    """KL of each sample."""
    return (target * (target.log() - probabilities(logits, T).log())).sum(1)


def sd_kd(s, t, p):
    parts = zip(*regional(s, t, p), strict=True)
    loss = sum((weight * gaps(probabilities(theirs, 4), own, 4)).mean() for own, theirs, weight in parts)
    return 0.1 * ce(s) + 0.9 * 16 * loss / 21


def sd_dkd(s, t, p):
    """In the first of 20 epochs of warm-up."""
    target = rest = 0
    for own, theirs, weight in zip(*regional(s, t, p), strict=True):
        q, r = ((probabilities(x, 4) * ONE_HOT).sum(1) for x in (own, theirs))
        target += (weight * (r * (r / q).log() + (1 - r) * ((1 - r) / (1 - q)).log())).mean()
        rest += (weight * gaps(probabilities(others(theirs), 4), others(own), 4)).mean()
    return ce(s) + 16 / 20 * (target + 8 * rest) / 21


def sd_nkd(s, t, p):
    """In the first of 20 epochs of warm-up."""
    target = rest = 0
    for own, theirs, weight in zip(*regional(s, t, p), strict=True):
        q, r = ((probabilities(x) * ONE_HOT).sum(1) for x in (own, theirs))
        target += -(weight * r * q.log()).mean()
        rest += (weight * cross(probabilities(others(theirs), 4), others(own), 4)).mean()
    return ce(s) + 1 / 20 * (target + 8 * 16 * rest) / 21


NEWER = [
    *(ttm, wttm, abkd, rld, uskd, ps_kd, dist_plus, multi_head, crd, kdsvd, simkd, norm),
    *(srd, vkd, pefd, itrd, pad, mgd, catkd, ickd, wkd_f, semckd, nd, deit, sd_kd, sd_dkd, sd_nkd),
]
