"""What losses are to be, as parity_steps.py has them: of logits since 2020, and of the student's own.

p also has the networks' weights, by their names behind "student." and "teacher.".
"""

import torch
from parity_networks import CLASSES, LABELS, drawn, images, resnet, wrn
from parity_steps import ONE_HOT, ce, cross, kl, others, probabilities, unit
from torch.nn import functional

SAMPLES = len(LABELS)
BEFORE = [3, 1, 4, -1, 0, 7, -1, -1, -1]  # the samples that dlb has kept of the batch before


def linear(p, name, x):
    return x @ p[f"{name}.weight"].T + p.get(f"{name}.bias", 0)


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


def multi_head(s, t, p):
    """Of two teachers, the second of which has the classes of the first in reverse."""
    members = [t.logits, t.logits.flip(1)]
    loss = 0.1 * ce(s) + 0.9 * 16 * kl(probabilities(sum(members) / 2, 4), s.logits, 4)
    for number, logits in enumerate(members):
        head = linear(p, f"heads.{number}", s.features)
        loss = loss + 0.9 / 2 * 16 * kl(probabilities(logits, 4), head, 4)
    return loss


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
                for number, (maps, name) in enumerate(((s, "student.classifier"), (t, "teacher.classifier"))):
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


def entered(p, role, x, train, first=0):
    """What a network computes of images, or of maps that enter its stage `first`."""
    own = {name.removeprefix(f"{role}."): value for name, value in p.items() if name.startswith(f"{role}.")}
    network = resnet if "stages.0.0.1.weight" in own else wrn
    return network(own, x, train, first)


def cs_kd(s, t, p):
    """The image beside each is that at the other end of the batch."""
    beside = entered(p, "student", images().flip(0), True).logits.detach()
    return ce(s) + 16 * kl(probabilities(beside, 4), s.logits, 4)


def dlb(s, t, p):
    """The batch before had the images 3, 1, 4, 0 and 7, whose logits were kept, and shows them again."""
    logits, loss = entered(p, "student", images().flip(0), True).logits, 0
    labels = LABELS.flip(0)
    for place in range(SAMPLES):
        sample = SAMPLES - 1 - place
        if sample in BEFORE:
            kept = p["logits"][BEFORE.index(sample)][None]
            loss = loss + 9 * kl(probabilities(kept, 3), logits[place, None], 3) / SAMPLES
    return (ce(s) + cross(functional.one_hot(labels, CLASSES), logits).mean()) / 2 + loss


def wkd_l(s, t, p):
    """Costs from the teacher's logits of three images of each class."""
    rows = torch.stack([training_logits()[number::CLASSES] for number in range(CLASSES)])
    rows = rows - rows.mean(1, keepdim=True)
    grams = unit((rows @ rows.mT).flatten(1), 1)
    cost = 1 - (grams @ grams.T - 1).exp() + 1e-8
    loss = 0
    for own, theirs, label in zip(s.logits, t.logits, LABELS.tolist(), strict=True):
        rest = [number for number in range(CLASSES) if number != label]
        q, r, c = (
            probabilities(own[None, rest], 8)[0],
            probabilities(theirs[None, rest], 8)[0],
            cost[rest][:, rest],
        )
        kernel, u = (-c / 0.05).exp(), torch.full((CLASSES - 1,), 1 / (CLASSES - 1))
        for _ in range(10):
            v = r / (kernel.T @ u + 1e-8)
            u = q / (kernel @ v + 1e-8)
        loss = loss + (u[:, None] * kernel * v * c).sum() / SAMPLES
    target = -((probabilities(t.logits) * ONE_HOT).sum(1) * -cross(ONE_HOT, s.logits)).mean()
    return ce(s) + target + 600 * loss


def training_logits():
    """Those of the teacher for 30 images, in turn of each class."""
    return drawn("logits of training images", (30, CLASSES))


OF_LOGITS = [
    *(ttm, wttm, abkd, rld, uskd, ps_kd, cs_kd, dlb, wkd_l),
    *(multi_head, deit, sd_kd, sd_dkd, sd_nkd),
]
