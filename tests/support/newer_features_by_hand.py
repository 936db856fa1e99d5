"""Losses of the feature methods since 2020, in float64 NumPy, one number at a time as the papers say."""

import math
from itertools import product

import numpy as np
from features_by_hand import ROWS, SMALL, WIDE_ROWS, relu_maps

from kd.methods.catkd import cat_loss
from kd.methods.ickd import ickd_loss
from kd.methods.itrd import correlation_loss, mutual_loss
from kd.methods.mgd import generation_loss
from kd.methods.norm import norm_loss
from kd.methods.pad import pad_loss
from kd.methods.pefd import direction_loss
from kd.methods.srd import srd_loss
from kd.methods.vkd import vkd_loss
from kd.methods.wkd_f import wasserstein_losses

RANDOM = np.random.default_rng(7)
OTHER_ROWS = RANDOM.normal(size=ROWS.shape)
LOG_VARIANCE = RANDOM.normal(size=ROWS.shape)
MAPS = relu_maps(5, 3, 4, 4)


def srd_by_hand(student, teacher):
    total = 0.0
    for dimension in range(student.shape[1]):
        columns = []
        for rows in (student, teacher):
            column = rows[:, dimension]
            mean = sum(column) / len(column)
            variance = sum((value - mean) ** 2 for value in column) / len(column)
            columns.append([(value - mean) / math.sqrt(variance + 1e-4) for value in column])
        total += sum(abs(s - t) ** 4 for s, t in zip(*columns, strict=True))
    return math.log(total + 1e-5)


def vkd_by_hand(student, teacher):
    values = []
    for own, other in zip(student, teacher, strict=True):
        deviation = math.sqrt(np.mean((other - np.mean(other)) ** 2) + 1e-5)
        gaps = np.abs(own - (other - np.mean(other)) / deviation)
        values += [0.5 * gap**2 if gap < 1 else gap - 0.5 for gap in gaps]
    return sum(values) / len(values)


def pefd_by_hand(student, teacher):
    cosines = [
        own @ other / math.sqrt((own @ own) * (other @ other))
        for own, other in zip(student, teacher, strict=True)
    ]
    return sum(1 - cosine for cosine in cosines) / len(cosines)


def correlation_by_hand(student, teacher):
    """With deviations over B − 1, and a mean over B."""
    total, count = 0.0, len(student)
    for dimension in range(student.shape[1]):
        columns = []
        for rows in (student, teacher):
            centred = rows[:, dimension] - rows[:, dimension].mean()
            columns.append(centred / math.sqrt(sum(centred**2) / (count - 1)))
        total += abs(sum(columns[0] * columns[1]) / count - 1) ** (2 * 1.01)
    return math.log2(total)


def mutual_by_hand(student, teacher):
    def cosine(rows, i, j):
        return rows[i] @ rows[j] / math.sqrt((rows[i] @ rows[i]) * (rows[j] @ rows[j]))

    count, total = len(student), 0.0
    for i, j in product(range(count), repeat=2):
        own = cosine(student, i, j)
        total += (own / count) ** 2 - (own * cosine(teacher, i, j) / count) ** 2
    return total


def pad_by_hand(student, teacher):
    total = 0.0
    for place in np.ndindex(*student.shape):
        square = (student[place] - teacher[place]) ** 2
        total += square / (math.exp(LOG_VARIANCE[place]) + 1e-6) + LOG_VARIANCE[place]
    return total / student.size


def generation_by_hand(student, teacher):
    return sum((s - t) ** 2 for s, t in zip(student.ravel(), teacher.ravel(), strict=True)) / len(student)


def parts_of(channel, size):
    step = channel.shape[0] // size
    return [
        np.mean(channel[y * step : (y + 1) * step, x * step : (x + 1) * step])
        for y, x in product(range(size), repeat=2)
    ]


def cat_by_hand(student, teacher, *, normalize=False):
    values = []
    for maps, other in zip(student, teacher, strict=True):
        for channel, fellow in zip(maps, other, strict=True):
            pair = [np.array(parts_of(one, 2)) for one in (channel, fellow)]
            if normalize:
                pair = [one / math.sqrt(sum(one**2)) for one in pair]
            values += list((pair[0] - pair[1]) ** 2)
    return sum(values) / len(values)


def ickd_by_hand(student, teacher):
    total = 0.0
    for maps, other in zip(student, teacher, strict=True):
        for i in range(len(maps)):
            rows = []
            for one in (maps, other):
                row = [np.sum(one[i] * one[j]) for j in range(len(one))]
                rows.append(np.array(row) / math.sqrt(sum(value**2 for value in row)))
            total += sum((rows[0] - rows[1]) ** 2)
    return total / (len(student) * student.shape[1])


def wkd_by_hand(student, teacher):
    """Four times the means, and the deviations."""
    total = 0.0
    for maps, other in zip(student, teacher, strict=True):
        for channel, fellow in zip(maps, other, strict=True):
            means, deviations = [], []
            for one in (channel.ravel(), fellow.ravel()):
                means.append(sum(one) / len(one))
                squares = sum((value - means[-1]) ** 2 for value in one)
                deviations.append(math.sqrt(squares / (len(one) - 1) + 1e-5))
            total += 4 * (means[0] - means[1]) ** 2 + (deviations[0] - deviations[1]) ** 2
    return total / len(student)


def norm_by_hand(student, teacher):
    """Of as many segments as there are."""
    channels, total = teacher.shape[1], 0.0
    for place in np.ndindex(*student.shape):
        sample, channel, *pixel = place
        total += (student[place] - teacher[(sample, channel % channels, *pixel)]) ** 2
    return total / teacher.size


def paper_srd(student, teacher):
    return srd_loss(student, teacher, 4.0)


def paper_correlation(student, teacher):
    return correlation_loss(student, teacher, 1.01)


def paper_pad(student, teacher):
    return pad_loss(student, teacher, student.new_tensor(LOG_VARIANCE[: len(student)]))


def paper_cat(student, teacher):
    return cat_loss(student, teacher, 2, normalize=False)


def normalised_cat(student, teacher):
    return cat_loss(student, teacher, 2, normalize=True)


def paper_wkd(student, teacher):
    means, deviations = wasserstein_losses(student, teacher)
    return 4 * means + deviations


LOSSES = {  # name: (loss, by hand, student, teacher)
    "srd": (paper_srd, srd_by_hand, ROWS, OTHER_ROWS),
    "vkd": (vkd_loss, vkd_by_hand, 2 * ROWS, OTHER_ROWS),
    "pefd": (direction_loss, pefd_by_hand, np.abs(ROWS), OTHER_ROWS),
    "itrd_correlation": (paper_correlation, correlation_by_hand, ROWS, OTHER_ROWS),
    "itrd_mutual": (mutual_loss, mutual_by_hand, ROWS, WIDE_ROWS),
    "pad": (paper_pad, pad_by_hand, ROWS, OTHER_ROWS),
    "mgd": (generation_loss, generation_by_hand, SMALL, MAPS),
    "catkd": (paper_cat, cat_by_hand, SMALL, relu_maps(5, 3, 8, 8)),
    "catkd_normalised": (
        normalised_cat,
        lambda s, t: cat_by_hand(s, t, normalize=True),
        SMALL + 0.1,
        relu_maps(5, 3, 8, 8),
    ),
    "ickd": (ickd_loss, ickd_by_hand, SMALL, relu_maps(5, 3, 6, 6)),
    "norm": (norm_loss, norm_by_hand, relu_maps(5, 6, 4, 4) - 0.5, MAPS),
    "wkd_f": (paper_wkd, wkd_by_hand, SMALL, relu_maps(5, 3, 6, 6)),
}
