"""Which networks a CPU trains in bf16, by their layers."""

import pytest
import torch
from torch import nn

from kd.networks import bf16
from kd.networks.bf16 import trains_faster_in_bf16
from kd.networks.factory import build_network

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def processor(monkeypatch):
    monkeypatch.setattr(bf16, "has_bf16", lambda device: True)


@pytest.mark.parametrize(
    ("architecture", "options", "side", "expected"),
    [
        # All were measured: those that gain were 1.3 to 1.9 times as fast, the others 1.0 to 1.3 times.
        ("resnet18", {}, 32, True),
        ("vgg16", {}, 32, True),
        ("googlenet", {}, 32, True),
        ("cnn", {}, 32, True),
        ("resnet18", {"width": 0.25}, 32, True),
        ("mobilenet", {}, 32, True),
        ("mobilenetv2", {}, 32, True),
        ("resnext29", {}, 32, True),
        ("resnet20", {}, 32, True),
        ("densenet", {"growth": 32}, 32, True),
        ("mobilenet", {"width": 0.5}, 32, False),
        ("mobilenet", {"width": 0.25}, 32, False),
        ("shufflenetv2", {}, 32, False),
        ("timm/vit_tiny_patch16_224", {"input_size": 64}, 64, False),
        ("googlenet", {"width": 0.125}, 32, False),
        ("densenet", {"growth": 4}, 32, False),
        ("vgg8", {"width": 0.125}, 32, False),
        # The default study is of 8x8 pixels.
        ("resnet18", {"width": 0.25}, 8, False),
        ("cnn", {"channels": (8, 16)}, 8, False),
    ],
)
def test_convolutional_networks_with_large_layers(architecture, options, side, expected):
    network = build_network(architecture, options, 3, 10)
    assert trains_faster_in_bf16(network, (3, side, side), CPU) is expected


@pytest.mark.parametrize(("channels", "expected"), [(33, True), (31, False)])
def test_the_mean_of_a_layer_decides(channels, expected):
    # 1x1 convolutions of C to C channels on 32x32 pixels: C · C · 1024 multiply-accumulates, 985 thousand for 31.
    layers = nn.Sequential(*(nn.Conv2d(channels, channels, 1) for _ in range(3)))
    assert trains_faster_in_bf16(layers, (channels, 32, 32), CPU) is expected
    assert layers.training
    assert not trains_faster_in_bf16(nn.Sequential(nn.Flatten()), (3, 8, 8), CPU)


def test_no_other_device_is_asked(monkeypatch):
    network = build_network("cnn", {}, 3, 10)
    assert not trains_faster_in_bf16(network, (3, 32, 32), torch.device("cuda"))
    monkeypatch.setattr(bf16, "has_bf16", lambda device: False)
    assert not trains_faster_in_bf16(network, (3, 32, 32), CPU)
