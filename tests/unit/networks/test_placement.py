"""Narrow 1×1 convolutions with a stride, in which the backward pass on CPUs writes beyond its memory."""

from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.nn import functional

from kd.networks.factory import build_network
from kd.networks.placement import place

CPU = torch.device("cpu")


def convolutions(network):
    return [module for module in network.modules() if isinstance(module, nn.Conv2d)]


@pytest.mark.parametrize(
    ("channels", "settings"),
    [
        ((7, 16), {"stride": 2, "bias": False}),
        ((3, 8), {"stride": (3, 2)}),
        ((6, 6), {"stride": 2, "groups": 2}),
    ],
)
def test_they_compute_the_same_without_the_stride(channels, settings):
    torch.manual_seed(0)
    plain = nn.Conv2d(*channels, 1, **settings).double()
    images = torch.randn(4, channels[0], 9, 8, dtype=torch.float64)
    expected = plain(images)
    placed = place(nn.Sequential(deepcopy(plain)), CPU)
    torch.testing.assert_close(placed(images), expected)
    cotangent = torch.randn_like(expected)
    placed(images).backward(cotangent)
    expected.backward(cotangent)
    torch.testing.assert_close(placed[0].weight.grad, plain.weight.grad)
    assert placed.state_dict().keys() == {f"0.{name}" for name in plain.state_dict()}


def test_no_unsafe_call_is_left(monkeypatch):
    """As torch gets them: the kernel's size, the stride and the channels of each convolution."""
    network, calls = place(build_network("resnet8", {"width": 0.25}, 3, 4), CPU), []
    plain = functional.conv2d

    def noted(images, weight, bias=None, stride=1, *more, **options):
        calls.append((weight.shape[1:], stride))
        return plain(images, weight, bias, stride, *more, **options)

    monkeypatch.setattr(functional, "conv2d", noted)
    network(torch.zeros(2, 3, 16, 16))
    assert len(calls) == len(convolutions(network))
    assert not [call for call in calls if call[0][1:] == (1, 1) and call[1] not in (1, (1, 1))]


@pytest.mark.parametrize("groups", [6, 3])
def test_depthwise_convolutions_are_kept_out_of_autocast(groups):
    torch.manual_seed(0)
    plain, images = nn.Conv2d(6, 12, 3, groups=groups), torch.randn(2, 6, 8, 8)
    placed = place(nn.Sequential(deepcopy(plain)), CPU)
    torch.testing.assert_close(placed(images), plain(images))
    with torch.autocast("cpu", torch.bfloat16):
        kept, result = groups == 6, placed(images.bfloat16())
        assert result.dtype == (torch.float32 if kept else torch.bfloat16)
        result.float().sum().backward()
    expected = plain(images.bfloat16().float())
    assert torch.allclose(result.float(), expected, atol=1e-5) is kept
    expected.sum().backward()
    assert torch.allclose(placed[0].weight.grad, plain.weight.grad, atol=1e-4) is kept
    assert deepcopy(placed).state_dict().keys() == {"0.weight", "0.bias"}


def test_all_others_stay_as_they_are():
    network = build_network("resnet18", {"width": 0.25}, 3, 4)
    before = [type(module) for module in network.modules()]
    placed = place(place(network, CPU), CPU)
    assert [type(module) for module in placed.modules()] == before
    assert all(
        layer.weight.is_contiguous(memory_format=torch.channels_last) for layer in convolutions(placed)
    )
