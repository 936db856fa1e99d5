"""Parameter counts of the large CIFAR networks of distillation papers: by hand, and as published."""

from itertools import pairwise

import pytest
from built import size
from sizes_by_hand import chain, conv, linear, norm

# What distillation papers say of these networks for 100 classes, in millions.
FOR_100_CLASSES = {
    "resnet20": "0.28",
    "resnet56": "0.86",
    "resnet110": "1.74",
    "resnet8x4": "1.23",
    "resnet32x4": "7.43",
    "wrn_16_2": "0.70",
    "wrn_40_1": "0.57",
    "wrn_40_2": "2.26",
    "vgg8": "3.97",
    "vgg13": "9.46",
}


# --- By hand. `w` scales a published channel count.


def _thin_resnet(blocks):
    def derive(ins, classes, w):
        planes = w(16), w(32), w(64)
        stem_and_blocks = chain(ins, w(16), *(outs for outs in planes for _ in range(2 * blocks)))
        shortcuts = sum(conv(a, b, 1) + norm(b) for a, b in pairwise(planes))
        return stem_and_blocks + shortcuts + linear(w(64), classes)

    return derive


def _wrn(blocks, wider):
    """Norms come ahead of their convolutions; so a stage's first one has the width of the stage before."""

    def derive(ins, classes, w):
        total = conv(ins, w(16))
        for a, b in pairwise([w(16), w(16 * wider), w(32 * wider), w(64 * wider)]):
            total += conv(a, b) + (2 * blocks - 1) * conv(b, b) + (conv(a, b, 1) if a != b else 0)
            total += norm(a) + (2 * blocks - 1) * norm(b)
        return total + norm(b) + linear(b, classes)

    return derive


def _vgg(*counts):
    def derive(ins, classes, w):
        places = zip((64, 128, 256, 512, 512), counts, strict=True)
        channels = [w(outs) for outs, count in places for _ in range(count)]
        return chain(ins, *channels, bias=1) + linear(w(512), classes)

    return derive


COUNTS = {  # the formula, and what the docstrings say for 10 and for 100 classes
    "resnet8": (_thin_resnet(1), 78_042, 83_892),
    "resnet14": (_thin_resnet(2), 175_258, 181_108),
    "resnet20": (_thin_resnet(3), 272_474, 278_324),
    "resnet32": (_thin_resnet(5), 466_906, 472_756),
    "resnet44": (_thin_resnet(7), 661_338, 667_188),
    "resnet56": (_thin_resnet(9), 855_770, 861_620),
    "resnet110": (_thin_resnet(18), 1_730_714, 1_736_564),
    "wrn_16_1": (_wrn(2, 1), 175_066, 180_916),
    "wrn_16_2": (_wrn(2, 2), 691_674, 703_284),
    "wrn_40_1": (_wrn(6, 1), 563_930, 569_780),
    "wrn_40_2": (_wrn(6, 2), 2_243_546, 2_255_156),
    "vgg8": (_vgg(1, 1, 1, 1, 1), 3_918_858, 3_965_028),
    "vgg11": (_vgg(1, 1, 2, 2, 2), 9_231_114, 9_277_284),
    "vgg13": (_vgg(2, 2, 2, 2, 2), 9_416_010, 9_462_180),
    "vgg16": (_vgg(2, 2, 3, 3, 3), 14_728_266, 14_774_436),
    "vgg19": (_vgg(2, 2, 4, 4, 4), 20_040_522, 20_086_692),
}


@pytest.mark.parametrize("name", COUNTS)
def test_parameter_count(name):
    derive, for_10, for_100 = COUNTS[name]
    assert derive(3, 10, lambda channels: channels) == for_10 == size(name)
    assert derive(3, 100, lambda channels: channels) == for_100 == size(name, 100)
    assert size(name, 7, 1, width=0.25) == derive(1, 7, lambda channels: channels // 4)
    assert size(name, 7, 1, width=2) == derive(1, 7, lambda channels: channels * 2)


@pytest.mark.parametrize(("name", "millions"), FOR_100_CLASSES.items())
def test_as_many_parameters_as_distillation_papers_say(name, millions):
    assert f"{size(name, 100) / 1e6:.2f}" == millions


@pytest.mark.parametrize(
    ("name", "millions"),
    [
        ("resnet20", "0.27"),
        ("resnet32", "0.46"),
        ("resnet44", "0.66"),
        ("resnet56", "0.85"),
        ("resnet110", "1.7"),
    ],
)
def test_without_projections_as_many_parameters_as_he_et_al_say(name, millions):
    """Table 6 of arXiv:1512.03385 is of option A, whose shortcuts have no parameters."""
    projections = 16 * 32 + 2 * 32 + 32 * 64 + 2 * 64
    assert projections == 2_752
    digits = len(millions) - 2
    assert f"{(size(name) - projections) / 1e6:.{digits}f}" == millions


@pytest.mark.parametrize(
    ("name", "millions"), [("wrn_16_1", 0.2), ("wrn_16_2", 0.7), ("wrn_40_1", 0.6), ("wrn_40_2", 2.2)]
)
def test_wide_networks_have_as_many_parameters_as_published(name, millions):
    """For 10 classes: arXiv:1605.07146, table 4, and for those of depth 16 arXiv:1612.03928, table 1."""
    assert round(size(name) / 1e6, 1) == millions


@pytest.mark.parametrize("poolings", [3, 4, 5])
def test_poolings_have_no_parameters(poolings):
    assert size("vgg13", poolings=poolings) == 9_416_010
