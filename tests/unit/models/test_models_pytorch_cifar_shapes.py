"""What the stages of pytorch-cifar's networks put out, which of them a ReLU closes, how much they multiply."""

import pytest
import torch
from built import closing_relu, on_meta

from kd.networks.factory import build_network
from kd.networks.size import count_macs

pytestmark = pytest.mark.usefixtures("one_thread")
IMAGE = torch.empty(1, 3, 32, 32, device="meta")
BASIC = [(8, 32), (16, 16), (32, 8), (64, 4)]
BOTTLENECK = [(32, 32), (64, 16), (128, 8), (256, 4)]
DENSE = [(32, 32), (64, 16), (128, 8), (128, 4)]  # 8 + 6 · 4, then half of it and 12 · 4 more, ...

# At width 1/8: (channels, side), and whether a ReLU comes last.
SHAPES = {
    **{f"resnet{depth}": (BASIC, [True] * 4) for depth in (18, 34)},
    **{f"resnet{depth}": (BOTTLENECK, [True] * 4) for depth in (50, 101, 152)},
    **{f"preact_resnet{depth}": (BASIC, [False] * 4) for depth in (18, 34)},
    "preact_resnet50": (BOTTLENECK, [False] * 4),
    "senet18": (BASIC, [False] * 4),
    **{name: (DENSE, [False] * 3 + [True]) for name in ("densenet", "densenet121", "densenet_cifar")},
    "densenet169": ([(32, 32), (64, 16), (160, 8), (208, 4)], [False] * 3 + [True]),
    "dpn26": ([(44, 32), (76, 16), (140, 8), (304, 4)], [True] * 4),
    "dpn92": ([(48, 32), (84, 16), (212, 8), (320, 4)], [True] * 4),
    "resnext29": ([(32, 32), (64, 16), (128, 8)], [True] * 3),
    "regnetx_200mf": ([(7, 32), (16, 16), (48, 8)], [True] * 3),  # one group of 7, 2 and 6 groups of 8
    "regnetx_400mf": ([(8, 32), (16, 16), (48, 8)], [True] * 3),
    "regnety_400mf": ([(8, 32), (16, 16), (48, 8)], [True] * 3),
    "efficientnet_b0": ([(4, 32), (4, 16), (5, 8), (14, 4), (40, 2)], [False] * 5),
    "dla": (BASIC, [True] * 4),
    "simple_dla": (BASIC, [True] * 4),
    "pnasnet_a": ([(6, 32), (12, 16), (24, 8)], [True] * 3),  # 5.5 rounds to 6
    "pnasnet_b": ([(4, 32), (8, 16), (16, 8)], [True] * 3),
    "simplenet": ([(16, 32), (32, 16), (32, 8), (32, 4), (32, 1)], [True] * 4 + [False]),
}


@pytest.mark.parametrize("name", SHAPES)
def test_what_the_stages_put_out(name):
    network = build_network(name, {"width": 0.125}, 3, 10).eval()
    maps, logits = network.forward_stages(torch.zeros(1, 3, 32, 32))
    assert logits.shape == (1, 10)
    assert all(output.shape[2] == output.shape[3] for output in maps)
    closed = [closing_relu(stage) is not None for stage in network.stages]
    assert ([tuple(output.shape[1:3]) for output in maps], closed) == SHAPES[name]


# --- Multiply-accumulates of an image of 32x32 pixels, place by place: kernel · pixels · pairs of channels.


def _resnet50():
    total = 9 * 1024 * 3 * 64 + 2048 * 10
    rows = ((1024, 1024, 64, 64, 3), (1024, 256, 256, 128, 4), (256, 64, 512, 256, 6), (64, 16, 1024, 512, 3))
    for pixels_before, pixels, ins, planes, blocks in rows:
        first = pixels_before * ins * planes + pixels * (9 * planes**2 + 4 * planes**2 + ins * 4 * planes)
        total += first + (blocks - 1) * pixels * (4 + 9 + 4) * planes**2
    return total


def _resnext29():
    total = 1024 * 3 * 64 + 1024 * 10
    rows = ((1024, 1024, 64, 128), (1024, 256, 256, 256), (256, 64, 512, 512))
    for pixels_before, pixels, ins, inner in rows:
        grouped = 9 * inner * inner // 2
        first = pixels_before * ins * inner + pixels * (grouped + 2 * inner**2 + ins * 2 * inner)
        total += first + 2 * pixels * (2 * inner**2 + grouped + 2 * inner**2)
    return total


def _simplenet():
    wide = 1024 * (3 * 64 + 64 * 128 + 2 * 128 * 128) + 256 * (2 * 128 * 128 + 128 * 256) + 64 * 2 * 256 * 256
    small = 16 * 256 * 512 + 4 * 256 * 256
    return 9 * (wide + small) + 16 * (512 * 2048 + 2048 * 256) + 256 * 10


@pytest.mark.parametrize(
    ("name", "by_hand"), [("resnet50", _resnet50()), ("resnext29", _resnext29()), ("simplenet", _simplenet())]
)
def test_multiply_accumulates(name, by_hand):
    assert count_macs(on_meta(name), IMAGE) == by_hand


# As people report them of pytorch-cifar's networks, in millions; their counter (thop) counts norms as well.
PUBLISHED = {
    "resnet18": 556.65,
    "resnet34": 1161.45,
    "preact_resnet34": 1161.32,
    "preact_resnet50": 1303.66,
    "senet18": 556.74,
    "densenet121": 898.06,
    "dpn26": 670.31,
    "dpn92": 2053.89,
    "mobilenet": 47.18,
    "googlenet": 1529.43,
    "efficientnet_b0": 60.76 / 2,  # for two images, by torchinfo
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_multiply_accumulates_are_about_those_published(name):
    assert 0.98 < count_macs(on_meta(name), IMAGE) / 1e6 / PUBLISHED[name] < 1
