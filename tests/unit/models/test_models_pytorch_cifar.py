"""Parameter counts of the networks that pytorch-cifar has too, and of SimpleNet: by hand, and as published."""

from itertools import pairwise

import pytest
from built import on_meta, size
from sizes_by_hand import chain, conv, conv_norm, linear, norm
from torch import nn

PLANES = (64, 128, 256, 512)
BASIC, BOTTLENECK = (
    ((1, 3), (1, 3)),
    ((1, 1), (1, 3), (4, 1)),
)  # of each convolution: times the planes, kernel


# --- By hand. `w` scales a published channel count.


def _resnet(body, *blocks):
    def derive(ins, classes, w):
        total, before = conv_norm(ins, w(64)), w(64)
        for planes, count in zip(map(w, PLANES), blocks, strict=True):
            outs = planes * body[-1][0]
            total += conv_norm(before, outs, 1) if before != outs else 0
            for _ in range(count):
                for times, kernel in body:
                    total += conv_norm(before, times * planes, kernel)
                    before = times * planes
        return total + linear(before, classes)

    return derive


def _preact_resnet(body, *blocks):
    """Norms come ahead of their convolutions, as wide as what goes in; the stem and the shortcuts have none."""

    def derive(ins, classes, w):
        total, before = conv(ins, w(64)), w(64)
        for planes, count in zip(map(w, PLANES), blocks, strict=True):
            outs = planes * body[-1][0]
            total += conv(before, outs, 1) if before != outs else 0
            for _ in range(count):
                for times, kernel in body:
                    total += norm(before) + conv(before, times * planes, kernel)
                    before = times * planes
        return total + linear(before, classes)

    return derive


def _squeeze(channels, between):
    return conv(channels, between, 1, bias=1) + conv(between, channels, 1, bias=1)


def _senet18(ins, classes, w):
    gates = sum(2 * _squeeze(planes, max(planes // 16, 4)) for planes in map(w, PLANES))
    return _preact_resnet(BASIC, 2, 2, 2, 2)(ins, classes, w) + norm(w(64)) + gates


def _densenet(growth, *blocks):
    def derive(ins, classes, w):
        k = w(growth)
        total, channels = conv(ins, 2 * k), 2 * k
        for layers in blocks:
            if channels > 2 * k:
                total += norm(channels) + conv(channels, channels // 2, 1)
                channels //= 2
            for _ in range(layers):
                total += norm(channels) + conv(channels, 4 * k, 1) + norm(4 * k) + conv(4 * k, k)
                channels += k
        return total + norm(channels) + linear(channels, classes)

    return derive


def _dpn(*blocks):
    def derive(ins, classes, w):
        total, before = conv_norm(ins, w(64)), w(64)
        rows = ((3, 256, 16), (6, 512, 32), (12, 1024, 24), (24, 2048, 128))
        for (per_group, added, dense), count in zip(rows, blocks, strict=True):
            inner, both = w(32) * per_group, w(added) + w(dense)
            total += conv_norm(before, both, 1)
            for block in range(count):
                total += conv_norm(before, inner, 1) + conv(per_group, inner) + norm(inner)
                total += conv_norm(inner, both, 1)
                before = w(added) + (block + 2) * w(dense)
        return total + linear(before, classes)

    return derive


def _resnext29(cardinality, wide):
    def derive(ins, classes, w):
        total, before = conv_norm(ins, w(64), 1), w(64)
        for group in (w(wide), 2 * w(wide), 4 * w(wide)):
            inner = cardinality * group
            outs = 2 * inner
            grouped = conv(group, inner) + norm(inner)
            total += conv_norm(before, inner, 1) + 2 * conv_norm(outs, inner, 1)
            total += 3 * (grouped + conv_norm(inner, outs, 1)) + conv_norm(before, outs, 1)
            before = outs
        return total + linear(before, classes)

    return derive


def _efficientnet_b0(ins, classes, w):
    total, before = conv_norm(ins, w(32)), w(32)
    rows = (
        (1, 16, 1, 3),
        (6, 24, 2, 3),
        (6, 40, 2, 5),
        (6, 80, 3, 3),
        (6, 112, 3, 5),
        (6, 192, 4, 5),
        (6, 320, 1, 3),
    )
    for expansion, outs, layers, kernel in rows:
        for _ in range(layers):
            inner = expansion * before
            total += conv_norm(before, inner, 1) if expansion > 1 else 0
            total += conv_norm(1, inner, kernel) + _squeeze(inner, max(before // 4, 4))
            total += conv_norm(inner, w(outs), 1)
            before = w(outs)
    return total + linear(before, classes)


def _dla(second):
    """`second`: of a tree of level 2, beside its tree of level 1, from the channels in and out."""

    def leaf(a, b):
        return chain(a, b, b, b, b) + conv_norm(a, b, 1) + conv_norm(2 * b, b, 1)

    def derive(ins, classes, w):
        c1, c2, c3, c4, c5, c6 = map(w, (16, 32, 64, 128, 256, 512))
        trees = sum(leaf(a, b) for a, b in pairwise((c2, c3, c4, c5, c6)))
        return chain(ins, c1, c1, c2) + trees + second(c3, c4) + second(c4, c5) + linear(c6, classes)

    return derive


def _blocks_and_the_input(a, b):
    return chain(b, b, b, b, b) + chain(a, b, b) + conv_norm(a, b, 1) + conv_norm(4 * b, b, 1)


def _another_tree(a, b):
    return chain(b, b, b, b, b) + 2 * conv_norm(2 * b, b, 1)


def _pnasnet(planes, kernels, mixed):
    def cell(a, b, projected):
        branches = sum(conv_norm(1, b, kernel) for kernel in kernels)
        projections = (conv_norm(a, b, 1) if projected else 0) + (conv_norm(2 * b, b, 1) if mixed else 0)
        return branches + projections

    def derive(ins, classes, w):
        sizes = w(planes), 2 * w(planes), 4 * w(planes)
        same = sum(6 * cell(a, a, False) for a in sizes)
        down = sum(cell(a, b, True) for a, b in pairwise(sizes))
        return conv_norm(ins, sizes[0]) + same + down + linear(sizes[-1], classes)

    return derive


def _simplenet(ins, classes, w):
    a, b, c, d, e = map(w, (64, 128, 256, 512, 2048))
    front = chain(ins, a, b, b, b, b, b, c, c, c, d, bias=1)
    return (
        front
        + conv_norm(d, e, 1, bias=1)
        + conv_norm(e, c, 1, bias=1)
        + chain(c, c, bias=1)
        + linear(c, classes)
    )


COUNTS = {  # the formula, and what pytorch-cifar's form has; of SimpleNet see below
    "resnet18": (_resnet(BASIC, 2, 2, 2, 2), 11_173_962),
    "resnet34": (_resnet(BASIC, 3, 4, 6, 3), 21_282_122),
    "resnet50": (_resnet(BOTTLENECK, 3, 4, 6, 3), 23_520_842),
    "resnet101": (_resnet(BOTTLENECK, 3, 4, 23, 3), 42_512_970),
    "resnet152": (_resnet(BOTTLENECK, 3, 8, 36, 3), 58_156_618),
    "preact_resnet18": (_preact_resnet(BASIC, 2, 2, 2, 2), 11_171_146),
    "preact_resnet34": (_preact_resnet(BASIC, 3, 4, 6, 3), 21_279_306),
    "preact_resnet50": (_preact_resnet(BOTTLENECK, 3, 4, 6, 3), 23_509_066),
    "senet18": (_senet18, 11_260_354),
    "densenet": (_densenet(32, 6, 12, 24, 16), 6_956_298),
    "densenet121": (_densenet(32, 6, 12, 24, 16), 6_956_298),
    "densenet169": (_densenet(32, 6, 12, 32, 32), 12_493_322),
    "densenet_cifar": (_densenet(12, 6, 12, 24, 16), 1_000_618),
    "dpn26": (_dpn(2, 2, 2, 2), 11_574_842),
    "dpn92": (_dpn(3, 4, 20, 3), 34_236_634),
    "resnext29": (_resnext29(2, 64), 9_128_778),
    # pytorch-cifar has 3,599,686, with a 1x1 convolution of 32 channels and its norm that it never runs.
    "efficientnet_b0": (_efficientnet_b0, 3_599_686 - 32 * 32 - 2 * 32),
    "dla": (_dla(_blocks_and_the_input), 16_291_386),
    "simple_dla": (_dla(_another_tree), 15_142_970),
    "pnasnet_a": (_pnasnet(44, (7,), mixed=False), 130_646),
    "pnasnet_b": (_pnasnet(32, (7, 3, 5), mixed=True), 451_626),
    "simplenet": (_simplenet, 5_498_378),
}


@pytest.mark.parametrize("name", COUNTS)
def test_parameter_count(name):
    derive, published = COUNTS[name]
    assert derive(3, 10, lambda channels: channels) == published
    assert size(name) == published
    narrow = derive(1, 7, lambda channels: max(channels // 4, 4))
    assert size(name, 7, 1, width=0.25) == narrow


# Of the stages, for 10 classes: layers, channels, width of a group; from 24, 56, 152, 368 and 32, 64, 160, 384.
REGNETS = {
    ("regnetx_200mf", 1.0): (64, ((1, 24, 8), (1, 56, 8), (4, 152, 8), (7, 368, 8)), 2_321_946),
    ("regnetx_400mf", 1.0): (64, ((1, 32, 16), (2, 64, 16), (7, 160, 16), (12, 384, 16)), 4_779_338),
    ("regnety_400mf", 1.0): (64, ((1, 32, 16), (2, 64, 16), (7, 160, 16), (12, 384, 16)), 5_714_362),
    # 6 and 8 are less than a group is wide; 14, 38, 92 are not a multiple of 8, nor 40 of 16.
    ("regnetx_200mf", 0.25): (16, ((1, 6, 6), (1, 16, 8), (4, 40, 8), (7, 96, 8)), None),
    ("regnetx_400mf", 0.25): (16, ((1, 8, 8), (2, 16, 16), (7, 32, 16), (12, 96, 16)), None),
    ("regnety_400mf", 0.25): (16, ((1, 8, 8), (2, 16, 16), (7, 32, 16), (12, 96, 16)), None),
}


@pytest.mark.parametrize(("name", "width"), REGNETS)
def test_parameter_count_of_regnets(name, width):
    before, rows, published = REGNETS[name, width]
    total = conv_norm(3, before)
    for layers, outs, group in rows:
        total += conv_norm(before, outs, 1)
        for _ in range(layers):
            total += conv_norm(before, outs, 1) + conv(group, outs) + norm(outs) + conv_norm(outs, outs, 1)
            total += _squeeze(outs, max(before // 4, 4)) if name.startswith("regnety") else 0
            before = outs
    total += linear(before, 10)
    assert size(name, width=width) == total == (published or total)


def test_resnext_32x4d_has_the_parameters_of_pytorch_cifars():
    assert _resnext29(32, 4)(3, 10, lambda channels: channels) == 4_774_218
    assert size("resnext29", cardinality=32, bottleneck_width=4) == 4_774_218


def test_a_group_of_a_narrow_resnext_has_one_channel_at_least():
    assert size("resnext29", cardinality=32, bottleneck_width=4, width=0.125) == _resnext29(32, 8)(
        3, 10, lambda channels: channels // 8
    )


def test_simplenets_weights_are_the_papers_million():
    """5.48, without norms and biases."""
    layers = on_meta("simplenet").modules()
    weights = sum(layer.weight.numel() for layer in layers if isinstance(layer, nn.Conv2d | nn.Linear))
    assert weights == 5_484_736
