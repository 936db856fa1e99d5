"""What losses are to be, as parity_steps.py has them: of features since 2020, and those with parts of their own.

p also has the networks' weights, by their names behind "student." and "teacher.": a method may have given layers to the
former, and may enter both at a later stage.
"""

from itertools import pairwise

import torch
from parity_logits import SAMPLES, entered, linear
from parity_networks import LABELS, conv
from parity_networks import norm as batch_norm
from parity_steps import ONE_HOT, ce, cross, hinton, mse, pearson, probabilities, regressed, unit
from torch.nn import functional


def norm_rows(p, name, x):
    """Batch norm of rows."""
    return batch_norm(p, name, x[..., None, None])[..., 0, 0]


def lengths(x):
    return (x**2).sum(1).sqrt()


def dist_plus(s, t, p):
    one, other = probabilities(s.logits, 4), probabilities(t.logits, 4)
    loss = 2 * 16 * (2 - pearson(one, other).mean() - pearson(one.T, other.T).mean())
    own, theirs = s.after[-1], t.after[-1]
    own = own if own.shape == theirs.shape else regressed(p, "regressor", own)
    pixels = (x.permute(0, 2, 3, 1).reshape(-1, x.shape[1]) for x in (own, theirs))
    samples = (x.sum(1).flatten(1).T for x in (own, theirs))
    return ce(s) + loss + (1 - pearson(*pixels)).mean() + (1 - pearson(*samples)).mean()


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
        activations(t.after[-1], p["teacher.classifier.weight"]),
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


def fcfd(s, t, p):
    """In the first of 20 epochs of warm-up; all four mixed paths, which count as two."""

    def bridged(name, x):
        return functional.leaky_relu(batch_norm(p, f"{name}.layers.1", conv(p, f"{name}.layers.0", x)), 0.1)

    def apart(maps, first):
        gaps = [mse(*pair) for pair in zip(maps, t.after[first:], strict=True)]
        return sum(gaps) + mse(maps[-1].mean((2, 3)), t.features)

    own = [bridged(f"bridges.{number}", x) for number, x in enumerate(s.after)]
    looks, acts = apart(own, 0), 0
    for number in range(2):
        through = entered(p, "teacher", own[number], False, number + 1)
        back = entered(p, "student", bridged(f"back.{number}", t.after[number]), True, number + 1)
        looks = looks + 0.5 * apart(through.after, number + 1)
        acts = acts + 0.5 * (hinton(through, t, 4) + hinton(back, t, 4))
    return ce(s) + hinton(s, t, 4) + 5 / 20 * looks + acts


OF_FEATURES = [
    *(dist_plus, crd, kdsvd, simkd, norm, srd, vkd, pefd, itrd, pad),
    *(mgd, catkd, ickd, wkd_f, semckd, nd, fcfd),
]
