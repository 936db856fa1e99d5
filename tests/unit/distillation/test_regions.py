"""Logits of regions of a network's last maps, and their weights."""

import pytest
import torch
from regional import LABELS, Net, taught
from torch.nn import functional

from kd.distillation.base import Context
from kd.distillation.combined import build_method
from kd.distillation.regions import Regions, region_means, weights_of
from kd.errors import UserError


@pytest.mark.parametrize(("side", "parts"), [(8, 4), (7, 4), (5, 2), (3, 3), (4, 1)])
def test_parts_of_a_side_are_those_of_adaptive_pooling(side, parts):
    column = torch.randn(1, side, generator=torch.manual_seed(0))
    ours = column @ region_means(side, parts).T
    assert torch.allclose(ours, functional.adaptive_avg_pool1d(column, parts), atol=1e-6)


@pytest.mark.parametrize("size", [(8, 8), (4, 4), (7, 7), (6, 5)])
def test_regions_are_a_pyramid_of_the_finest(size):
    """As in the authors' code: 4x4 parts, then 2x2 and the whole of those; the whole first."""
    maps = torch.randn(2, 3, *size, generator=torch.manual_seed(0))
    finest = functional.adaptive_avg_pool2d(maps, 4)
    parts = [functional.adaptive_avg_pool2d(finest, scale).flatten(2) for scale in (1, 2, 4)]
    right = torch.cat(parts, dim=2).movedim(2, 0)
    ours = Regions(*size, (1, 2, 4))(maps)
    assert ours.shape == (21, 2, 3)
    assert torch.allclose(ours, right, atol=1e-6)


def test_weights_of_regions():
    """Samples: right as a whole, and wrong. Regions that differ from the whole in this have the weight 2."""
    one, two = [1.0, 0.0], [0.0, 1.0]
    teacher = torch.tensor([[one, one], [two, two], [one, one]])  # regions, samples, classes
    weights = weights_of(teacher, torch.tensor([0, 1]), 2.0)
    assert weights.tolist() == [[1, 1], [2, 2], [1, 1]]


def test_the_whole_comes_first():
    method, _, batch = taught("sd_kd", scales=[1, 2])
    student, _, labels, weights = method.regional(batch, batch.labels)
    assert torch.allclose(student[:4], batch.student.logits, atol=1e-6)
    assert labels.tolist() == [*LABELS] * 5
    assert weights[:4].tolist() == [1] * 4


@pytest.mark.parametrize(("side", "regions"), [(8, 21), (2, 5), (3, 5)])
def test_scales_that_do_not_fit_are_left_out(side, regions):
    method, _, batch = taught("sd_kd", side=side)
    assert method.regional(batch, batch.labels)[0].shape == (regions * 4, 5)


def test_maps_of_one_pixel_have_no_regions():
    with pytest.raises(UserError, match=r"whose smaller side has 1 pixels; none of the scales \(1, 2, 4\)"):
        taught("sd_kd", side=1)


def test_a_classifier_of_a_token_is_not_one_of_regions():
    student, teacher = Net(), Net()
    teacher.classifies_maps = False
    with pytest.raises(UserError, match="teacher's classifier for feature maps, and it reads a class"):
        build_method("sd_kd", {}).prepare(Context(student, teacher, (3, 8, 8), 5, torch.tensor(LABELS), 2))


@pytest.mark.parametrize(
    ("own", "kept"),
    [
        (torch.float64, torch.float64),
        (torch.float32, torch.float32),
        (torch.bfloat16, torch.float32),
        (torch.float16, torch.float32),
    ],
)
def test_logits_of_regions_have_float32_at_least(own, kept):
    method, _, batch = taught("sd_kd", dtype=own)
    student, teacher, *_ = method.regional(batch, batch.labels)
    assert student.dtype == teacher.dtype == kept
