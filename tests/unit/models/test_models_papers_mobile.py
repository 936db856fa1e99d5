"""Parameter counts of MobileNetV2 and the ShuffleNets: by hand, and as published."""

import pytest
from built import size
from sizes_by_hand import conv, conv_norm, linear, norm


def _depthwise(channels):
    return conv(1, channels) + norm(channels)


def _inverted(a, b, expansion):
    wide = expansion * a
    return conv_norm(a, wide, 1) + _depthwise(wide) + conv_norm(wide, b, 1)


def _mobilenetv2(half, projections):
    """Each block by itself: from, to, expansion. `projections` are the pairs with one, of table 2's counts."""
    table = [(32, 16, 1), (16, 24, 6), (24, 24, 6), (24, 32, 6), (32, 32, 6), (32, 32, 6), (32, 64, 6)]
    table += [(64, 64, 6)] * 3 + [(64, 96, 6), (96, 96, 6), (96, 96, 6), (96, 160, 6)]
    table += [(160, 160, 6)] * 2 + [(160, 320, 6)]

    def derive(ins, classes, w):
        def h(channels):
            return w(channels // half)

        total = conv_norm(ins, h(32)) + sum(_inverted(h(a), h(b), t) for a, b, t in table)
        total += sum(conv_norm(h(a), h(b), 1) for a, b in projections)
        return total + conv_norm(h(320), w(1280), 1) + linear(w(1280), classes)

    return derive


def _shufflenet(groups, stages):
    """The stages as channels in, squeezed and added by the first unit; squeezed by the 3, 7 and 3 others."""

    def grouped(a, b):
        return conv(a // groups, b, 1) + norm(b)

    def derive(ins, classes, w):
        total = conv_norm(ins, w(24), 1)
        for (a, first, added, squeezed), others in zip(stages, (3, 7, 3), strict=True):
            a, first, added, squeezed = w(a), w(first), w(added), w(squeezed)
            squeeze = conv_norm(a, first, 1) if a == w(24) else grouped(a, first)
            total += squeeze + _depthwise(first) + grouped(first, added)
            outs = a + added
            total += others * (grouped(outs, squeezed) + _depthwise(squeezed) + grouped(squeezed, outs))
        return total + linear(outs, classes)

    return derive


def _shufflenetv2(halves, last):
    def derive(ins, classes, w):
        total, a = conv_norm(ins, w(24), 1), w(24)
        for half, units in zip(map(w, halves), (4, 8, 4), strict=True):
            total += _depthwise(a) + 2 * conv_norm(a, half, 1) + _depthwise(half) + conv_norm(half, half, 1)
            total += (units - 1) * (2 * conv_norm(half, half, 1) + _depthwise(half))
            a = 2 * half
        return total + conv_norm(a, w(last), 1) + linear(w(last), classes)

    return derive


_G2 = (24, 44, 176, 50), (200, 50, 200, 100), (400, 100, 400, 200)
_G3 = (24, 54, 216, 60), (240, 60, 240, 120), (480, 120, 480, 240)
_PROJECTED = (32, 16), (16, 24), (64, 96), (160, 320)

COUNTS = {  # the formula, and what the docstrings say for 10 and for 100 classes
    "mobilenetv2": (_mobilenetv2(1, _PROJECTED), 2_296_922, 2_412_212),
    "mobilenetv2_half": (_mobilenetv2(2, ()), 697_546, 812_836),
    "shufflenet_g2": (_shufflenet(2, _G2), 887_582, 959_672),
    "shufflenet_g3": (_shufflenet(3, _G3), 862_768, 949_258),
    "shufflenetv1": (_shufflenet(3, _G3), 862_768, 949_258),
    "shufflenetv2": (_shufflenetv2((58, 116, 232), 1024), 1_263_278, 1_355_528),
    "shufflenetv2_x0_5": (_shufflenetv2((24, 48, 96), 1024), 351_466, 443_716),
    "shufflenetv2_x1_5": (_shufflenetv2((88, 176, 352), 1024), 2_488_298, 2_580_548),
    "shufflenetv2_x2_0": (_shufflenetv2((122, 244, 488), 2048), 5_364_910, 5_549_320),
}


@pytest.mark.parametrize("name", COUNTS)
def test_parameter_count(name):
    derive, for_10, for_100 = COUNTS[name]
    assert derive(3, 10, lambda channels: channels) == for_10 == size(name)
    assert derive(3, 100, lambda channels: channels) == for_100 == size(name, 100)
    assert size(name, 7, 1, width=2) == derive(1, 7, lambda channels: channels * 2)


@pytest.mark.parametrize(
    ("name", "millions"), [("mobilenetv2_half", "0.81"), ("shufflenetv1", "0.95"), ("shufflenetv2", "1.36")]
)
def test_as_many_parameters_as_distillation_papers_say(name, millions):
    assert f"{size(name, 100) / 1e6:.2f}" == millions


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("shufflenetv2_x0_5", 1_366_792),
        ("shufflenetv2", 2_278_604),
        ("shufflenetv2_x1_5", 3_503_624),
        ("shufflenetv2_x2_0", 7_393_996),
    ],
)
def test_but_for_the_stem_as_many_parameters_as_torchvision_says(name, published):
    """In its documentation of the weights for 1000 classes; the stem there is 3x3 instead of 1x1."""
    assert size(name, 1000) + 24 * 3 * (9 - 1) == published


def test_but_for_three_differences_as_many_parameters_as_torchvision_says():
    """The first block's expansion and the projections are of the CIFAR form alone."""
    expansion = 32 * 32 + 2 * 32
    projections = 32 * 16 + 16 * 24 + 64 * 96 + 160 * 320 + 2 * (16 + 24 + 96 + 320)
    assert size("mobilenetv2", 1000) - expansion - projections == 3_504_872
