"""Which stages are compared, worked out by hand, and how maps are made to fit."""

import pytest
import torch

from kd.distillation.base import Context
from kd.distillation.features import (
    Regressor,
    fit_channels,
    match_chain,
    match_stages,
    pooled,
    resized,
    same_size,
    unit,
)
from kd.errors import UserError

RESNET = [(64, 32, 32), (128, 16, 16), (256, 8, 8), (512, 4, 4)]
VGG = [*RESNET, (512, 1, 1)]
VIT = [(192, 8, 8)] * 4


@pytest.mark.parametrize(
    ("student", "teacher", "pairs"),
    [
        (RESNET, RESNET, [(0, 0), (1, 1), (2, 2), (3, 3)]),
        (RESNET, VGG, [(0, 0), (1, 1), (2, 2), (3, 3)]),
        (VGG, RESNET, [(0, 0), (1, 1), (2, 2), (3, 3)]),
        ([(8, 8, 8), (16, 4, 4)], RESNET, [(0, 2), (1, 3)]),
        # two stages of one resolution: the later one; no resolution in common: the last of both
        ([(4, 32, 32), (8, 32, 32)], RESNET, [(1, 0)]),
        ([(8, 7, 7), (8, 5, 5)], RESNET, [(1, 3)]),
        ([(8, 16, 16), (8, 5, 5)], RESNET, [(0, 1), (1, 3)]),
        # a network of tokens: by depth, the last of the longer one's parts; and with fewer stages than it
        (VIT, VIT, [(0, 0), (1, 1), (2, 2), (3, 3)]),
        (VIT, RESNET, [(0, 0), (1, 1), (2, 2), (3, 3)]),
        (RESNET, VIT, [(0, 0), (1, 1), (2, 2), (3, 3)]),
        ([(4, 64, 64), *VGG], VIT, [(1, 0), (2, 1), (4, 2), (5, 3)]),
        (VIT, RESNET[2:], [(1, 0), (3, 1)]),
    ],
)
def test_which_stages_are_compared(student, teacher, pairs):
    assert match_stages(student, teacher) == pairs


def test_the_larger_maps_are_averaged_down():
    large = torch.arange(16.0).reshape(1, 1, 4, 4)
    first, second = same_size(large, torch.zeros(1, 3, 2, 2))
    assert first.tolist() == [[[[2.5, 4.5], [10.5, 12.5]]]]
    assert second.shape == (1, 3, 2, 2)
    assert same_size(torch.zeros(1, 3, 2, 2), large)[1].tolist() == first.tolist()
    assert same_size(large, large * 2)[0] is large
    assert pooled(large).tolist() == [[7.5]]


def test_maps_are_averaged_down_or_repeated():
    maps = torch.arange(4.0).reshape(1, 1, 2, 2)
    assert resized(maps, (1, 1)).tolist() == [[[[1.5]]]]
    assert resized(maps, (4, 2)).tolist() == [[[[0.0, 1.0], [0.0, 1.0], [2.0, 3.0], [2.0, 3.0]]]]
    assert resized(maps, (2, 2)) is maps
    uneven = torch.arange(9.0).reshape(1, 1, 3, 3)  # windows of two columns and rows that share the middle
    assert resized(uneven, (2, 2)).tolist() == [[[[2.0, 3.0], [5.0, 6.0]]]]


def test_a_regressor_changes_the_channels_and_keeps_the_size():
    fit = Regressor((3, 8, 8), (5, 4, 4))
    assert fit(torch.randn(2, 3, 8, 8)).shape == (2, 5, 8, 8)
    assert sum(parameter.numel() for parameter in fit.parameters()) == 3 * 5 + 2 * 5


def test_stages_of_equally_many_channels_need_no_regressor():
    assert isinstance(fit_channels((3, 8, 8), (3, 4, 4)), torch.nn.Identity)
    assert fit_channels((3, 8, 8), (5, 8, 8))(torch.randn(2, 3, 8, 8)).shape == (2, 5, 8, 8)


class _Known(Context):
    """Networks of which nothing but the stages' shapes is known."""

    student_stages, teacher_stages = RESNET[:2], VGG


def test_a_chain_has_two_pairs_or_more():
    known = (None, None, (3, 32, 32), 10, torch.zeros(1), 1)
    assert match_chain(_Known(*known)) == [(0, 0), (1, 1)]
    lone = type("_Lone", (_Known,), {"student_stages": [(8, 7, 7)]})
    with pytest.raises(UserError, match=r"the student has 7x7, the teacher 32x32, 16x16, 8x8, 4x4, 1x1$"):
        match_chain(lone(*known))


def test_vectors_of_length_one_and_a_zero_one_stays_without_a_gradient():
    vectors = torch.tensor([[3.0, 4.0], [0.0, 0.0], [1e-20, 0.0]], requires_grad=True)
    made = unit(vectors, dim=1)
    assert made.tolist() == [[pytest.approx(0.6), pytest.approx(0.8)], [0, 0], [0, 0]]
    (made * torch.tensor([1.0, 2.0])).sum().backward()
    # (g − (g·u)u)/5 with u = (0.6, 0.8), g = (1, 2)
    assert vectors.grad[0].tolist() == pytest.approx([(1 - 2.2 * 0.6) / 5, (2 - 2.2 * 0.8) / 5], rel=1e-5)
    assert not vectors.grad[1:].any()
