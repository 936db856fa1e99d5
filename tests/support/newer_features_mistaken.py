"""What known mistakes make of the losses of newer_features_by_hand.py: numbers that those must not have.

Each takes the features of a student and a teacher as the loss does, in float64 NumPy.
"""

import math

import numpy as np
from newer_features_by_hand import LOG_VARIANCE


def standardised(rows, axis=0, ddof=0):
    return (rows - rows.mean(axis, keepdims=True)) / np.sqrt(rows.var(axis, ddof=ddof, keepdims=True) + 1e-4)


def powers(student, teacher, exponent=4):
    return (np.abs(student - teacher) ** exponent).sum()


SRD = {
    "not standardised": lambda s, t: math.log(powers(s, t)),
    "the student alone standardised": lambda s, t: math.log(powers(standardised(s), t)),
    "standardised in each sample": lambda s, t: math.log(powers(standardised(s, 1), standardised(t, 1))),
    "deviations over B − 1": lambda s, t: math.log(powers(standardised(s, ddof=1), standardised(t, ddof=1))),
    "squares": lambda s, t: math.log(powers(standardised(s), standardised(t), 2)),
    "a mean": lambda s, t: math.log(powers(standardised(s), standardised(t)) / s.size),
    "no logarithm": lambda s, t: powers(standardised(s), standardised(t)),
    "logarithms of each": lambda s, t: np.log((standardised(s) - standardised(t)) ** 4).sum(),
}


def layer_norm(rows, axis=1):
    return (rows - rows.mean(axis, keepdims=True)) / np.sqrt(rows.var(axis, keepdims=True) + 1e-5)


def huber(gaps):
    gaps = np.abs(gaps)
    return np.where(gaps < 1, gaps**2 / 2, gaps - 0.5)


VKD = {
    "the teacher as it is": lambda s, t: huber(s - t).mean(),
    "both normalised": lambda s, t: huber(layer_norm(s) - layer_norm(t)).mean(),
    "the student normalised": lambda s, t: huber(layer_norm(s) - t).mean(),
    "normalised over the batch": lambda s, t: huber(s - layer_norm(t, 0)).mean(),
    "of length 1": lambda s, t: huber(s - t / np.linalg.norm(t, axis=1, keepdims=True)).mean(),
    "squares": lambda s, t: ((s - layer_norm(t)) ** 2).mean(),
    "half squares": lambda s, t: ((s - layer_norm(t)) ** 2).mean() / 2,
    "absolute differences": lambda s, t: np.abs(s - layer_norm(t)).mean(),
    "a sum over dimensions": lambda s, t: huber(s - layer_norm(t)).sum(1).mean(),
}


def unit(rows, axis=1):
    lengths = np.sqrt((rows**2).sum(axis, keepdims=True))
    return rows / np.where(lengths > 0, lengths, 1)


PEFD = {
    "not of length 1": lambda s, t: (1 - (s * t).sum(1)).mean(),
    "the teacher alone of length 1": lambda s, t: (1 - (s * unit(t)).sum(1)).mean(),
    "squared distances, twice as much": lambda s, t: ((unit(s) - unit(t)) ** 2).sum(1).mean(),
    "along the batch": lambda s, t: (1 - (unit(s, 0) * unit(t, 0)).sum(0)).mean(),
    "the cosine itself": lambda s, t: (unit(s) * unit(t)).sum(1).mean(),
    "a sum over samples": lambda s, t: (1 - (unit(s) * unit(t)).sum(1)).sum(),
}


def correlations(student, teacher, centred=True):
    """Pearson's, of every dimension of the one with every one of the other."""
    student, teacher = (unit(rows - centred * rows.mean(0), 0) for rows in (student, teacher))
    return student.T @ teacher


def of_diagonal(matrix, exponent=2.02):
    return (np.abs(1 - np.diag(matrix)) ** exponent).sum()


def shrunk(student, teacher):
    """As the loss has them: times (B − 1) / B."""
    return correlations(student, teacher) * (len(student) - 1) / len(student)


ITRD_CORRELATION = {
    "Pearson's": lambda s, t: math.log2(of_diagonal(correlations(s, t))),
    "not centred": lambda s, t: math.log2(of_diagonal(correlations(s, t, centred=False) * 0.8)),
    "the power alpha": lambda s, t: math.log2(of_diagonal(shrunk(s, t), 1.01)),
    "the natural logarithm": lambda s, t: math.log(of_diagonal(shrunk(s, t))),
    "a mean over dimensions": lambda s, t: math.log2(of_diagonal(shrunk(s, t)) / s.shape[1]),
    "all pairs of dimensions": lambda s, t: math.log2((np.abs(np.eye(4) - shrunk(s, t)) ** 2.02).sum()),
    "between samples": lambda s, t: math.log2(of_diagonal(shrunk(s.T, t.T))),
}


def gram(rows):
    return unit(rows) @ unit(rows).T


def squares(matrix, trace=None):
    return ((matrix / (np.trace(matrix) if trace is None else trace)) ** 2).sum()


ITRD_MUTUAL = {
    "the student's term alone": lambda s, t: squares(gram(s)),
    "the joint term alone": lambda s, t: -squares(gram(s) * gram(t)),
    "less the teacher's term": lambda s, t: squares(gram(s)) - squares(gram(t)),
    "of the teacher": lambda s, t: squares(gram(t)) - squares(gram(s) * gram(t)),
    "a product of matrices": lambda s, t: squares(gram(s)) - squares(gram(s) @ gram(t)),
    "of features as long as they are": lambda s, t: squares(s @ s.T) - squares((s @ s.T) * (t @ t.T)),
    "no trace": lambda s, t: squares(gram(s), 1) - squares(gram(s) * gram(t), 1),
}


def pad(student, teacher, scale=1.0, logarithm=1.0):
    gaps = (student - teacher) ** 2 / (np.exp(scale * LOG_VARIANCE) + 1e-6)
    return (gaps + logarithm * LOG_VARIANCE).mean()


PAD = {
    "the plain difference": lambda s, t: ((s - t) ** 2).mean(),
    "no logarithm": lambda s, t: pad(s, t, logarithm=0),
    "the logarithm subtracted": lambda s, t: pad(s, t, logarithm=-1),
    "half the logarithm": lambda s, t: pad(s, t, logarithm=0.5),
    "the deviation for the variance": lambda s, t: pad(s, t, scale=0.5),
    "the precision for the variance": lambda s, t: pad(s, t, scale=-1),
    "half of all": lambda s, t: pad(s, t) / 2,
    "a sum over dimensions": lambda s, t: pad(s, t) * s.shape[1],
}

MGD = {
    "a mean over all": lambda s, t: ((s - t) ** 2).mean(),
    "a mean over positions": lambda s, t: ((s - t) ** 2).sum(1).mean(),
    "a sum over samples": lambda s, t: ((s - t) ** 2).sum(),
    "absolute differences": lambda s, t: np.abs(s - t).sum() / len(s),
    "a root": lambda s, t: math.sqrt(((s - t) ** 2).sum() / len(s)),
    "half": lambda s, t: ((s - t) ** 2).sum() / len(s) / 2,
}


def blocks(maps, reduce=np.mean, size=2):
    step = maps.shape[2] // size
    return reduce(maps.reshape(*maps.shape[:2], size, step, size, step), axis=(3, 5)).reshape(
        *maps.shape[:2], size**2
    )


CATKD = {
    "finer maps": lambda s, t: ((blocks(s, size=4) - blocks(t, size=4)) ** 2).mean(),
    "maxima": lambda s, t: ((blocks(s, np.max) - blocks(t, np.max)) ** 2).mean(),
    "sums of pixels": lambda s, t: ((blocks(s, np.sum) - blocks(t, np.sum)) ** 2).mean(),
    "the logits": lambda s, t: ((blocks(s, size=1) - blocks(t, size=1)) ** 2).mean(),
    "absolute differences": lambda s, t: np.abs(blocks(s) - blocks(t)).mean(),
    "a sum over classes": lambda s, t: ((blocks(s) - blocks(t)) ** 2).sum(1).mean(),
}


def of_length_1(student, teacher, axis=2):
    return ((unit(blocks(student), axis) - unit(blocks(teacher), axis)) ** 2).mean()


CATKD_NORMALISED = {
    "not normalised": lambda s, t: ((blocks(s) - blocks(t)) ** 2).mean(),
    "normalised over classes": lambda s, t: of_length_1(s, t, 1),
    "normalised over all of a sample": lambda s, t: of_length_1(s, t, (1, 2)),
    "the student alone": lambda s, t: ((unit(blocks(s), 2) - blocks(t)) ** 2).mean(),
    "a sum over pixels": lambda s, t: 4 * of_length_1(s, t),
}


def channels(maps, lengths=False):
    rows = maps.reshape(*maps.shape[:2], -1)
    rows = unit(rows, 2) if lengths else rows
    return rows @ rows.transpose(0, 2, 1)


def rows_of_length_1(student, teacher, axis=2):
    return (unit(channels(student), axis) - unit(channels(teacher), axis)) ** 2


ICKD = {
    "inner products as they are": lambda s, t: ((channels(s) - channels(t)) ** 2).sum(2).mean(),
    "cosines of the channels": lambda s, t: ((channels(s, True) - channels(t, True)) ** 2).sum(2).mean(),
    "all of length 1": lambda s, t: rows_of_length_1(s, t, (1, 2)).sum(2).mean(),
    "a mean within a row": lambda s, t: rows_of_length_1(s, t).mean(),
    "a sum over rows": lambda s, t: rows_of_length_1(s, t).sum((1, 2)).mean(),
    "absolute differences": lambda s, t: np.sqrt(rows_of_length_1(s, t)).sum(2).mean(),
}


def wasserstein(student, teacher, means=4.0, spread=np.std, ddof=1):
    pairs = [(maps.mean((2, 3)), spread(maps, axis=(2, 3), ddof=ddof)) for maps in (student, teacher)]
    gaps = [((own - other) ** 2).sum(1).mean() for own, other in zip(*pairs, strict=True)]
    return means * gaps[0] + gaps[1]


WKD_F = {
    "means as deviations": lambda s, t: wasserstein(s, t, means=1),
    "the weight squared": lambda s, t: wasserstein(s, t, means=16),
    "no means": lambda s, t: wasserstein(s, t, means=0),
    "variances": lambda s, t: wasserstein(s, t, spread=np.var),
    "deviations over all positions": lambda s, t: wasserstein(s, t, ddof=0),
    "a mean over channels": lambda s, t: wasserstein(s, t) / s.shape[1],
    "a sum over samples": lambda s, t: wasserstein(s, t) * len(s),
}


def of_segments(student, teacher, repeated):
    """The sum over segments, the mean over all else, of a teacher whose channels are `repeated`."""
    return ((student - repeated) ** 2).sum() / teacher.size


NORM = {
    "channels repeated one by one": lambda s, t: of_segments(s, t, np.repeat(t, 2, axis=1)),
    "a mean over the segments": lambda s, t: of_segments(s, t, np.tile(t, (1, 2, 1, 1))) / 2,
    "the mean of the segments": lambda s, t: ((s.reshape(5, 2, 3, 4, 4).mean(1) - t) ** 2).mean(),
    "the sum of the segments": lambda s, t: ((s.reshape(5, 2, 3, 4, 4).sum(1) - t) ** 2).mean(),
    "the first segment alone": lambda s, t: ((s[:, :3] - t) ** 2).mean(),
}

MISTAKES = {
    "srd": SRD,
    "vkd": VKD,
    "pefd": PEFD,
    "itrd_correlation": ITRD_CORRELATION,
    "itrd_mutual": ITRD_MUTUAL,
    "pad": PAD,
    "mgd": MGD,
    "catkd": CATKD,
    "catkd_normalised": CATKD_NORMALISED,
    "ickd": ICKD,
    "norm": NORM,
    "wkd_f": WKD_F,
}
