"""The losses of methods that compare features, in float64 NumPy, one number at a time as the papers say."""

import math
from itertools import pairwise, product

import numpy as np
import pytest
import torch

from kd.methods.at import at_loss
from kd.methods.cc import cc_loss
from kd.methods.fitnet import hint_loss
from kd.methods.fsp import fsp_loss
from kd.methods.kdsvd import kdsvd_loss
from kd.methods.nst import nst_loss
from kd.methods.pkt import pkt_loss
from kd.methods.rkd import rkd_angle_loss, rkd_distance_loss
from kd.methods.sp import sp_loss

RANDOM = np.random.default_rng(0)
ORDER = [3, 0, 4, 1, 2]


def relu_maps(*shape):
    """As after a ReLU: about half of it is 0."""
    return np.maximum(RANDOM.normal(size=shape), 0)


SMALL, LARGE = relu_maps(5, 3, 4, 4), relu_maps(5, 6, 4, 4)  # of a student and a teacher, one resolution
ROWS, WIDE_ROWS = RANDOM.normal(size=(5, 4)), RANDOM.normal(size=(5, 7))  # pooled features


def tensors(*arrays):
    return [torch.tensor(array, dtype=torch.float64) for array in arrays]


def near(value, expected, rel=1e-5):
    value, expected = (torch.as_tensor(one, dtype=torch.float64).item() for one in (value, expected))
    assert value == pytest.approx(expected, rel=rel)


def attention_by_hand(maps):
    """Per sample a list of positions, each the sum over channels of squares, then divided by the length."""
    rows = []
    for sample in maps:
        row = [
            sum(sample[c, y, x] ** 2 for c in range(sample.shape[0]))
            for y, x in product(*map(range, sample.shape[1:]))
        ]
        length = math.sqrt(sum(value**2 for value in row))
        rows.append([value / length for value in row])
    return rows


def at_by_hand(student, teacher):
    pairs = list(zip(attention_by_hand(student), attention_by_hand(teacher), strict=True))
    squares = [(s - t) ** 2 for rows in pairs for s, t in zip(*rows, strict=True)]
    return sum(squares) / len(squares)


def sp_by_hand(student, teacher):
    matrices = []
    for maps in (student, teacher):
        rows = []
        for first in maps:
            row = [np.sum(first * second) for second in maps]
            rows.append(np.array(row) / math.sqrt(sum(value**2 for value in row)))
        matrices.append(np.array(rows))
    return np.sum((matrices[0] - matrices[1]) ** 2) / len(student) ** 2


def cc_by_hand(student, teacher, gamma=0.4):
    """The series to second order written out."""
    total = 0.0
    for i, j in product(range(len(student)), repeat=2):
        value = []
        for rows in (student, teacher):
            cosine = rows[i] @ rows[j] / math.sqrt((rows[i] @ rows[i]) * (rows[j] @ rows[j]))
            value.append(math.exp(-2 * gamma) * (1 + 2 * gamma * cosine + 2 * gamma**2 * cosine**2))
        total += (value[0] - value[1]) ** 2
    return total / len(student) ** 2


def pkt_by_hand(student, teacher):
    def kernel(rows, i, j):
        return 0.5 * (rows[i] @ rows[j] / (np.linalg.norm(rows[i]) * np.linalg.norm(rows[j])) + 1)

    count, total = len(student), 0.0
    for j in range(count):
        others = [k for k in range(count) if k != j]
        for i in others:
            q, p = (
                kernel(rows, i, j) / sum(kernel(rows, k, j) for k in others) for rows in (student, teacher)
            )
            total += p * math.log(p / q)
    return total / count**2


def huber(first, second):
    gap = abs(first - second)
    return 0.5 * gap**2 if gap <= 1 else gap - 0.5


def rkd_distance_by_hand(student, teacher):
    count = len(student)
    pairs = [(i, j) for i in range(count) for j in range(count) if i != j]
    total = 0.0
    means = [np.mean([math.dist(rows[i], rows[j]) for i, j in pairs]) for rows in (student, teacher)]
    for i, j in pairs:
        total += huber(
            math.dist(student[i], student[j]) / means[0], math.dist(teacher[i], teacher[j]) / means[1]
        )
    return total / count**2


def rkd_angle_by_hand(student, teacher):
    """By the law of cosines; where two of the three are one sample there is no angle."""
    count, total = len(student), 0.0
    for i, j, k in product(range(count), repeat=3):
        if i == j or k == j:
            continue
        cosines = []
        for rows in (student, teacher):
            a, b, c = (math.dist(rows[m], rows[n]) for m, n in ((i, j), (k, j), (i, k)))
            cosines.append((a**2 + b**2 - c**2) / (2 * a * b))
        total += huber(*cosines)
    return total / count**3


def nst_by_hand(student, teacher):
    total = 0.0
    for sample in range(len(student)):
        patterns = []
        for maps in (student, teacher):
            flat = [channel.ravel() for channel in maps[sample]]
            patterns.append([channel / math.sqrt(sum(channel**2)) for channel in flat])

        def mean_kernel(first, second):
            return sum((x @ y) ** 2 for x in first for y in second) / (len(first) * len(second))

        s, t = patterns
        total += mean_kernel(s, s) + mean_kernel(t, t) - 2 * mean_kernel(s, t)
    return total / len(student)


def vid_by_hand(mean, teacher, variance):
    """The density itself, less the constant."""
    terms = [
        -math.log(math.exp(-((t - m) ** 2) / (2 * variance[c])) / math.sqrt(variance[c]))
        for m_maps, t_maps in zip(mean, teacher, strict=True)
        for c in range(len(variance))
        for m, t in zip(m_maps[c].ravel(), t_maps[c].ravel(), strict=True)
    ]
    return sum(terms) / len(terms)


def fsp_by_hand(student, teacher):
    def flow(first, second):
        channels, height, width = first.shape
        return [
            [
                sum(first[i, y, x] * second[j, y, x] for y in range(height) for x in range(width))
                / (height * width)
                for j in range(second.shape[0])
            ]
            for i in range(channels)
        ]

    total = 0.0
    for stage in range(len(student) - 1):
        gaps = [
            np.array(flow(student[stage][n], student[stage + 1][n]))
            - np.array(flow(teacher[stage][n], teacher[stage + 1][n]))
            for n in range(len(student[0]))
        ]
        total += sum(np.sum(gap**2) / gap.size for gap in gaps) / len(gaps)
    return total


def kdsvd_by_hand(student, teacher):
    """By LAPACK; of the student's first four vectors the one most like the teacher's first, turned to it."""
    total = 0.0
    for sample in range(len(student[0])):
        vectors = []
        for s_maps, t_maps in zip(student, teacher, strict=True):
            goal, *_ = np.linalg.svd(t_maps[sample].reshape(t_maps.shape[1], -1).T)[2]
            goal = goal * np.sign(goal.sum())  # LAPACK's own choice is any
            others = np.linalg.svd(s_maps[sample].reshape(s_maps.shape[1], -1).T)[2][:4]
            best = max(others, key=lambda vector: abs(vector @ goal))
            vectors.append((best if best @ goal > 0 else -best, goal))
        for before, after in pairwise(vectors):
            for i, j in product(range(len(after[0])), range(len(before[0]))):
                kernels = [math.exp(-((after[n][i] - before[n][j]) ** 2) / 8) for n in range(2)]
                total += (kernels[0] - kernels[1]) ** 2
    return total / len(student[0])


def with_decay(samples, channels, side, decay=0.5, seed=0):
    """Maps whose singular values fall by `decay`, so that the vectors are what they are beyond doubt."""
    random = np.random.default_rng(seed)
    rank = min(channels, side * side)
    left = np.linalg.qr(random.normal(size=(samples, channels, rank)))[0]
    right = np.linalg.qr(random.normal(size=(samples, side * side, rank)))[0]
    maps = (left * decay ** np.arange(rank)) @ right.transpose(0, 2, 1)
    return maps.reshape(samples, channels, side, side)


CHAIN = [relu_maps(5, 3, 4, 4), relu_maps(5, 6, 4, 4), relu_maps(5, 2, 4, 4)]
OTHER_CHAIN = [relu_maps(5, 3, 4, 4), relu_maps(5, 6, 4, 4), relu_maps(5, 2, 4, 4)]
DECAYING = [with_decay(5, 6, 4, seed=1), with_decay(5, 8, 2, seed=2), with_decay(5, 5, 3, seed=3)]
DECAYING_TOO = [with_decay(5, 6, 4, seed=4), with_decay(5, 8, 2, seed=5), with_decay(5, 5, 3, seed=6)]
VARIANCE = np.array([0.5, 1.0, 5.0])
TARGET = RANDOM.normal(size=SMALL.shape)


def paper_cc(student, teacher):
    return cc_loss(student, teacher, 0.4, 2)


LOSSES = {  # name: (loss, by hand, student, teacher)
    "at": (at_loss, at_by_hand, SMALL, LARGE),
    "sp": (sp_loss, sp_by_hand, SMALL, relu_maps(5, 2, 7, 7)),
    "cc": (paper_cc, cc_by_hand, ROWS, WIDE_ROWS),
    "pkt": (pkt_loss, pkt_by_hand, ROWS, WIDE_ROWS),
    "rkd_distance": (rkd_distance_loss, rkd_distance_by_hand, ROWS, WIDE_ROWS),
    "rkd_angle": (rkd_angle_loss, rkd_angle_by_hand, ROWS, WIDE_ROWS),
    "nst": (nst_loss, nst_by_hand, SMALL, LARGE),
    "nst_more_channels_than_positions": (
        nst_loss,
        nst_by_hand,
        relu_maps(5, 9, 2, 2) + 0.1,
        relu_maps(5, 7, 2, 2) + 0.1,
    ),
    "hint": (hint_loss, lambda s, t: sum(((s - t) ** 2).ravel()) / s.size, SMALL, TARGET),
    "fsp": (fsp_loss, fsp_by_hand, CHAIN, OTHER_CHAIN),
    "kdsvd": (kdsvd_loss, kdsvd_by_hand, DECAYING, DECAYING_TOO),
}


def as_tensors(stages, dtype=torch.float64, gradient=False):
    """Arrays as tensors; a list for a chain of stages."""
    if isinstance(stages, list):
        return [as_tensors(stage, dtype, gradient) for stage in stages]
    return torch.tensor(stages, dtype=dtype, requires_grad=gradient)


def every(stages, change):
    return [change(stage) for stage in stages] if isinstance(stages, list) else change(stages)


def leaves(stages):
    return stages if isinstance(stages, list) else [stages]
