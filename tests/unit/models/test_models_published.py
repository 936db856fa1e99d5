"""The first architectures of the project: parameter counts, shapes, torchvision's logits; their parts."""

from itertools import pairwise

import pytest
import torch
from built import on_meta, ready, size, stage_shapes
from sizes_by_hand import chain, conv, linear, norm
from torch import nn
from torchvision.models import resnet, shufflenetv2, vgg

from kd.models.layers.staged import Scale, StagedNet
from kd.models.preact_resnet import PreActBlock
from kd.networks.factory import build_network

pytestmark = pytest.mark.usefixtures("one_thread")


def _images(batch, in_channels=3, side=32):
    return torch.randn(batch, in_channels, side, side, generator=torch.Generator().manual_seed(1))


# --- Parameter counts, by hand. `w` scales a published channel count.


def _vgg16(ins, classes, w):
    channels = 2 * [64] + 2 * [128] + 3 * [256] + 6 * [512]
    return chain(ins, *map(w, channels), bias=1) + linear(w(512), classes)


def _mobilenet(ins, classes, w):
    channels = [w(c) for c in (32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)]
    separable = sum(conv(1, a) + norm(a) + conv(a, b, 1) + norm(b) for a, b in pairwise(channels))
    return chain(ins, w(32)) + separable + linear(w(1024), classes)


def _googlenet(ins, classes, w):
    # In, 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool proj: 3a, 3b, 4a to 4e, 5a, 5b.
    table = """192 64 96 128 16 32 32   256 128 128 192 32 96 64   480 192 96 208 16 48 64
        512 160 112 224 24 64 64   512 128 128 256 24 64 64   512 112 144 288 32 64 64
        528 256 160 320 32 128 128   832 256 160 320 32 128 128   832 384 192 384 48 128 128"""
    numbers = [w(int(number)) for number in table.split()]
    total = chain(ins, w(192), bias=1)
    for row in range(0, len(numbers), 7):
        c, one, reduce3, three, reduce5, five, pool = numbers[row : row + 7]
        total += sum(conv(c, outs, 1, bias=1) + norm(outs) for outs in (one, reduce3, reduce5, pool))
        total += chain(reduce3, three, bias=1) + chain(reduce5, five, five, bias=1)
    return total + linear(w(1024), classes)


def _resnet_x4(blocks):
    def derive(ins, classes, w):
        stem, *planes = w(32), w(64), w(128), w(256)
        stem_and_blocks = chain(ins, stem, *(outs for outs in planes for _ in range(2 * blocks)))
        shortcuts = sum(conv(a, b, 1) + norm(b) for a, b in pairwise([stem, *planes]))
        return stem_and_blocks + shortcuts + linear(planes[-1], classes)

    return derive


def _shufflenetv2(ins, classes, w):
    def point(a, b):
        return conv(a, b, 1) + norm(b)

    def depth(a):
        return conv(1, a) + norm(a)

    total, channels = point(ins, w(24)), w(24)
    for half, units in ((w(58), 4), (w(116), 8), (w(232), 4)):
        left = depth(channels) + point(channels, half)
        right = point(channels, half) + depth(half) + point(half, half)
        total += left + right + (units - 1) * (2 * point(half, half) + depth(half))
        channels = 2 * half
    return total + point(channels, w(1024)) + linear(w(1024), classes)


def _cnn(ins, classes, w):
    return chain(ins, w(32), w(64), w(128), w(256)) + linear(w(256), classes)


COUNTS = {
    "vgg16": (_vgg16, 14_728_266),
    "mobilenet": (_mobilenet, 3_217_226),
    "googlenet": (_googlenet, 6_166_250),
    "resnet8x4": (_resnet_x4(1), 1_210_410),
    "resnet32x4": (_resnet_x4(5), 7_410_730),
    "shufflenetv2": (_shufflenetv2, 1_263_278),
    "cnn": (_cnn, 391_466),
}


@pytest.mark.parametrize("name", COUNTS)
def test_parameter_count(name):
    derive, published = COUNTS[name]
    assert derive(3, 10, lambda channels: channels) == published
    assert size(name) == published
    narrow = derive(1, 7, lambda channels: channels // 4)
    assert size(name, 7, 1, width=0.25) == narrow


# --- What the stages put out for 32x32 pixels at width 1/8: (channels, side).
SHAPES = {
    "vgg16": [(8, 32), (16, 16), (32, 8), (64, 4), (64, 1)],
    "mobilenet": [(8, 32), (16, 16), (32, 8), (64, 4), (128, 2)],
    "cnn": [(4, 32), (8, 16), (16, 8), (32, 4)],
    "googlenet": [(60, 32), (104, 16), (128, 8)],
    "resnet8x4": [(8, 32), (16, 16), (32, 8)],
    "resnet32x4": [(8, 32), (16, 16), (32, 8)],
    "shufflenetv2": [(4, 32), (14, 16), (28, 8), (128, 4)],
}


@pytest.mark.parametrize("name", SHAPES)
def test_stage_shapes(name):
    assert stage_shapes(on_meta(name, width=0.125)) == [(c, side, side) for c, side in SHAPES[name]]


# --- The networks that torchvision has too, but for the stem.


def _torchvision_vgg16():
    return nn.Sequential(vgg.make_layers(vgg.cfgs["D"], batch_norm=True), nn.Flatten(), nn.Linear(512, 10))


def _torchvision_resnet_x4(blocks):
    def build():
        reference = resnet.ResNet(resnet.BasicBlock, [blocks] * 4, num_classes=10)
        reference.conv1, reference.bn1 = nn.Conv2d(3, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32)
        reference.inplanes = 32  # so that the first stage projects too
        reference.layer1 = reference._make_layer(resnet.BasicBlock, 64, blocks)
        reference.maxpool = reference.layer4 = nn.Identity()
        reference.fc = nn.Linear(256, 10)
        return reference

    return build


def _torchvision_shufflenetv2():
    reference = shufflenetv2.shufflenet_v2_x1_0(num_classes=10)
    reference.conv1[0], reference.maxpool = nn.Conv2d(3, 24, 1, bias=False), nn.Identity()
    return reference


@pytest.mark.parametrize(
    ("name", "build_reference"),
    [
        ("vgg16", _torchvision_vgg16),
        ("resnet8x4", _torchvision_resnet_x4(1)),
        ("resnet32x4", _torchvision_resnet_x4(5)),
        ("shufflenetv2", _torchvision_shufflenetv2),
    ],
)
def test_same_logits_as_torchvision(name, build_reference):
    images = _images(2)
    torch.manual_seed(3)
    reference = ready(build_reference(), images)
    network = on_meta(name)
    weights = zip(network.state_dict(), reference.state_dict().values(), strict=True)
    network.load_state_dict(dict(weights), assign=True)
    with torch.no_grad():
        torch.testing.assert_close(network(images), reference(images), rtol=1e-4, atol=1e-5)


# --- Parts and options.


def test_preact_block_keeps_a_clear_identity_path():
    block = PreActBlock(4, 4, 1)
    nn.init.zeros_(block.residual[-1].weight)
    x = _images(2, 4, 5)
    assert torch.equal(block(x), x)


def test_preact_block_projects_the_activated_input():
    block = PreActBlock(4, 8, 2)
    nn.init.zeros_(block.residual[-1].weight)
    x = _images(2, 4, 6)
    expected = block.projection(nn.functional.batch_norm(x, None, None, training=True).relu())
    torch.testing.assert_close(block(x), expected)


@pytest.mark.parametrize(
    ("width", "channels", "expected"),
    [
        (1.0, 1, 1),
        (1.0, 3, 3),
        (0.125, 64, 8),
        (0.125, 16, 4),
        (0.001, 512, 4),
        (0.125, 2, 2),
        (1.5, 3, 4),
        (2.0, 3, 6),
    ],
)
def test_scale(width, channels, expected):
    assert Scale(width)(channels) == expected


def test_cnn_has_a_stage_for_each_entry_of_channels():
    network = build_network("cnn", {"channels": [2, 3, 5, 7, 11]}, 1, 10)
    outputs, _ = network.forward_stages(_images(2, 1, 8))
    assert [tuple(output.shape[1:]) for output in outputs] == [
        (2, 8, 8),
        (3, 4, 4),
        (5, 2, 2),
        (7, 1, 1),
        (11, 1, 1),
    ]


def test_densenet_grows_by_growth():
    network = build_network("densenet", {"growth": 12}, 3, 10)
    assert isinstance(network, StagedNet)
    assert network.classifier.in_features == 384  # 24 + 72 = 96; 48 + 144; 96 + 288; 192 + 192
