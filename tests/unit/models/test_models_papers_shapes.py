"""What the stages of distillation papers' CIFAR networks put out, and how much they multiply."""

import pytest
import torch
from built import closing_relu, on_meta, stage_shapes

from kd.networks.size import count_macs


def _images(size):
    return torch.empty(1, 3, size, size, device="meta")


def _shapes(name, size=32, **options):
    """(channels, side) of every stage, and whether a ReLU closes it."""
    network = on_meta(name, **options)
    shapes = stage_shapes(network, size)
    assert all(height == width for _, height, width in shapes)
    return [shape[:2] for shape in shapes], [bool(closing_relu(s)) for s in network.stages]


THIN = [(16, 32), (32, 16), (64, 8)]
VGG = [(64, 32), (128, 16), (256, 8), (512, 4), (512, 1)]
SHAPES = {
    **{f"resnet{depth}": (THIN, [True] * 3) for depth in (8, 14, 20, 32, 44, 56, 110)},
    "wrn_16_1": (THIN, [False, False, True]),
    "wrn_16_2": ([(32, 32), (64, 16), (128, 8)], [False, False, True]),
    "wrn_40_1": (THIN, [False, False, True]),
    "wrn_40_2": ([(32, 32), (64, 16), (128, 8)], [False, False, True]),
    "vgg8": ([(64, 32), (128, 16), (256, 8), (512, 4)], [True] * 4),
    **{f"vgg{depth}": (VGG, [True] * 4 + [False]) for depth in (11, 13, 16, 19)},
    "mobilenetv2": ([(24, 32), (32, 16), (96, 8), (1280, 4)], [False] * 3 + [True]),
    "mobilenetv2_half": ([(12, 16), (16, 8), (48, 4), (1280, 2)], [False] * 3 + [True]),
    "shufflenet_g2": ([(24, 32), (200, 16), (400, 8), (800, 4)], [True] * 4),
    "shufflenet_g3": ([(24, 32), (240, 16), (480, 8), (960, 4)], [True] * 4),
    "shufflenetv1": ([(24, 32), (240, 16), (480, 8), (960, 4)], [True] * 4),
    "shufflenetv2_x0_5": ([(24, 32), (48, 16), (96, 8), (1024, 4)], [True, False, False, True]),
    "shufflenetv2_x1_5": ([(24, 32), (176, 16), (352, 8), (1024, 4)], [True, False, False, True]),
    "shufflenetv2_x2_0": ([(24, 32), (244, 16), (488, 8), (2048, 4)], [True, False, False, True]),
}


@pytest.mark.parametrize("name", SHAPES)
def test_stages_put_out_what_their_docstring_says(name):
    assert _shapes(name) == SHAPES[name]


def test_poolings_choose_between_the_forms_of_vgg():
    front = [(64, 32), (128, 16), (256, 8)]
    assert _shapes("vgg13", poolings=3) == ([*front, (512, 4)], [True] * 4)
    assert _shapes("vgg13", poolings=4) == ([*front, (512, 4), (512, 2)], [True] * 5)
    assert _shapes("vgg8", poolings=5) == ([*front, (512, 4), (512, 1)], [True] * 4 + [False])


def test_for_64_pixels_four_poolings_lead_to_as_large_maps_as_three_for_32():
    assert _shapes("vgg13", 64, poolings=4)[0][-1] == _shapes("vgg13", 32, poolings=3)[0][-1] == (512, 4)


@pytest.mark.parametrize("name", ["vgg8", "mobilenetv2_half", "shufflenet_g3", "wrn_16_1", "resnet8"])
def test_eight_pixels_are_enough(name):
    assert _shapes(name, 8)[0][-1][1] == {"wrn_16_1": 2, "resnet8": 2}.get(name, 1)


# --- Multiply-accumulates of an image of 32x32 pixels, place by place: kernel · pixels · pairs of channels.


def _thin_resnet(blocks):
    first = 9 * 1024 * (3 * 16 + 2 * blocks * 16 * 16)
    second = 9 * 256 * (16 * 32 + (2 * blocks - 1) * 32 * 32) + 256 * 16 * 32  # and the projection
    third = 9 * 64 * (32 * 64 + (2 * blocks - 1) * 64 * 64) + 64 * 32 * 64
    return first + second + third + 64 * 10


def _wrn_40_2():
    first = 9 * 1024 * (3 * 16 + 16 * 32 + 11 * 32 * 32) + 1024 * 16 * 32
    second = 9 * 256 * (32 * 64 + 11 * 64 * 64) + 256 * 32 * 64
    third = 9 * 64 * (64 * 128 + 11 * 128 * 128) + 64 * 64 * 128
    return first + second + third + 128 * 10


def _vgg8(last_pixels):
    front = 1024 * 3 * 64 + 256 * 64 * 128 + 64 * 128 * 256 + 16 * 256 * 512
    return 9 * (front + last_pixels * 512 * 512) + 512 * 10


def _mobilenetv2_half():
    """Each row: pixels before and after, channels in and out, expansion."""
    rows = [(16, 16, 16, 8, 1), (16, 16, 8, 12, 6), (16, 16, 12, 12, 6), (16, 8, 12, 16, 6)]
    rows += [(8, 8, 16, 16, 6)] * 2 + [(8, 4, 16, 32, 6)] + [(4, 4, 32, 32, 6)] * 3 + [(4, 4, 32, 48, 6)]
    rows += [(4, 4, 48, 48, 6)] * 2 + [(4, 2, 48, 80, 6)] + [(2, 2, 80, 80, 6)] * 2 + [(2, 2, 80, 160, 6)]
    blocks = sum(t * a * (before**2 * a + after**2 * (9 + b)) for before, after, a, b, t in rows)
    return 9 * 256 * 3 * 16 + blocks + 4 * 160 * 1280 + 1280 * 10


@pytest.mark.parametrize(
    ("name", "options", "by_hand", "total"),
    [
        ("resnet20", {}, _thin_resnet(3), 40_813_184),
        ("resnet56", {}, _thin_resnet(9), 125_747_840),
        ("wrn_40_2", {}, _wrn_40_2(), 327_599_360),
        ("vgg8", {}, _vgg8(16), 96_146_432),
        ("vgg8", {"poolings": 5}, _vgg8(4), 67_834_880),
        ("mobilenetv2_half", {}, _mobilenetv2_half(), 6_408_448),
    ],
)
def test_multiply_accumulates(name, options, by_hand, total):
    assert count_macs(on_meta(name, **options), _images(32)) == by_hand
    assert by_hand == total
