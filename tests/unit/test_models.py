"""Every architecture that the catalog finds, and the parameter counts and shapes of the published ones."""

from itertools import pairwise

import pytest
import torch
from torch import nn
from torchvision.models import densenet, resnet, shufflenetv2, vgg

from kd.catalog import architectures, build_network
from kd.models.preact_resnet import _PreActBlock
from kd.models.staged import Scale, StagedNet


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    """On maps this small, threads mostly wait for each other: many times slower on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


EVERY = pytest.mark.parametrize("name", sorted(architectures()))


def _build(name, width=0.125, in_channels=3, num_classes=10, seed=0):
    torch.manual_seed(seed)
    return build_network(name, {"width": width}, in_channels, num_classes)


def _images(batch, in_channels=3, size=32):
    return torch.randn(batch, in_channels, size, size, generator=torch.Generator().manual_seed(1))


def _ready(network, images):
    """In eval mode, normalising by the statistics of `images`.

    With the statistics that batch norm starts from, a deep network's logits hardly depend on its input, and
    any comparison of them would pass.
    """
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        network.train()(images)
    return network.eval()


def _count(name, **sizes):
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in _build(name, **sizes).parameters())


@EVERY
@pytest.mark.parametrize("in_channels", [1, 3])
@pytest.mark.parametrize("size", [8, 9, 32, 64])
def test_trains_on_images_of_any_size(name, in_channels, size):
    logits = _build(name, in_channels=in_channels, num_classes=7)(_images(2, in_channels, size))
    assert logits.shape == (2, 7)
    assert logits.isfinite().all()


@EVERY
def test_runs_at_the_smallest_width(name):
    assert _build(name, width=0.001)(_images(2, size=8)).isfinite().all()


@EVERY
def test_every_parameter_gets_a_gradient(name):
    network = _build(name)
    nn.functional.cross_entropy(network(_images(8)), torch.arange(8)).backward()
    # These may get zero, as batch norm subtracts a bias again; nothing else may.
    absorbed = {f"{key}.bias" for key, module in network.named_modules() if isinstance(module, nn.Conv2d)}
    for key, parameter in network.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.isfinite().all(), key
        assert key in absorbed or parameter.grad.count_nonzero() > 0, key


@EVERY
def test_wider_networks_have_more_parameters(name):
    counts = [_count(name, width=width) for width in (0.125, 0.25, 0.5, 1.0, 1.5, 2.0)]
    assert all(narrow < wide for narrow, wide in pairwise(counts)), counts


@EVERY
def test_saved_weights_give_the_same_logits(name):
    images = _images(4)
    source, copy = _ready(_build(name), images), _build(name, seed=2).eval()
    with torch.no_grad():
        assert not torch.allclose(source(images), copy(images), atol=1e-3)
        copy.load_state_dict(source.state_dict())
        assert torch.equal(source(images), copy(images))


@EVERY
def test_images_of_a_batch_do_not_mix_in_eval_mode(name):
    images, order = _images(6), torch.tensor([3, 0, 5, 1, 4, 2])
    network = _ready(_build(name), images)
    with torch.no_grad():
        logits = network(images)
        torch.testing.assert_close(network(images[order]), logits[order], rtol=1e-4, atol=1e-5)
    assert logits.std(dim=0).min() > 1e-3, "the images' logits are too alike to tell an order"


@EVERY
def test_stage_outputs_lead_to_the_logits(name):
    images = _images(4)
    network = _ready(_build(name), images)
    with torch.no_grad():
        outputs, logits = network.forward_stages(images)
        assert torch.equal(logits, network(images))
        assert torch.equal(logits, network.classifier(outputs[-1].mean(dim=(2, 3))))
        # Also fails when a stage overwrites the map that it was given.
        for stage, before, after in zip(network.stages, [images, *outputs], outputs, strict=False):
            assert torch.equal(stage(before), after)
    assert len(outputs) >= 3
    assert all(before.shape[2] >= after.shape[2] for before, after in pairwise(outputs))


@EVERY
def test_maps_stay_channels_last(name):
    """The format that the jobs train in: a layer that leaves it costs a copy, and another on the way back."""
    network = _build(name).to(memory_format=torch.channels_last)
    outputs, _ = network.forward_stages(_images(2).to(memory_format=torch.channels_last))
    assert all(output.is_contiguous(memory_format=torch.channels_last) for output in outputs)


# --- Parameter counts, by hand. `w` scales a published channel count.


def _conv(ins, outs, kernel=3, bias=0):
    return outs * (ins * kernel**2 + bias)


def _norm(channels):
    return 2 * channels  # weight and bias


def _linear(ins, outs):
    return (ins + 1) * outs


def _chain(*channels, bias=0):
    """3x3 convolutions with batch norm from each number of channels to the next."""
    return sum(_conv(ins, outs, bias=bias) + _norm(outs) for ins, outs in pairwise(channels))


def _resnet18(ins, classes, w):
    planes = w(64), w(128), w(256), w(512)
    stem_and_blocks = _chain(ins, w(64), *(outs for outs in planes for _ in range(4)))
    shortcuts = sum(_conv(a, b, 1) + _norm(b) for a, b in pairwise(planes))
    return stem_and_blocks + shortcuts + _linear(w(512), classes)


def _preact_resnet18(ins, classes, w):
    # resnet18 without the norms of the stem and of the three shortcuts; and as a norm now comes ahead of its
    # convolution, the first of a stage has the width of the stage before.
    planes = w(64), w(128), w(256), w(512)
    narrower = sum(_norm(b) - _norm(a) for a, b in pairwise(planes))
    return _resnet18(ins, classes, w) - _norm(w(64)) - sum(map(_norm, planes[1:])) - narrower


def _vgg16(ins, classes, w):
    channels = 2 * [64] + 2 * [128] + 3 * [256] + 6 * [512]
    return _chain(ins, *map(w, channels), bias=1) + _linear(w(512), classes)


def _mobilenet(ins, classes, w):
    channels = [w(c) for c in (32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)]
    separable = sum(_conv(1, a) + _norm(a) + _conv(a, b, 1) + _norm(b) for a, b in pairwise(channels))
    return _chain(ins, w(32)) + separable + _linear(w(1024), classes)


def _googlenet(ins, classes, w):
    # In, 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool proj: 3a, 3b, 4a to 4e, 5a, 5b.
    table = """192 64 96 128 16 32 32   256 128 128 192 32 96 64   480 192 96 208 16 48 64
        512 160 112 224 24 64 64   512 128 128 256 24 64 64   512 112 144 288 32 64 64
        528 256 160 320 32 128 128   832 256 160 320 32 128 128   832 384 192 384 48 128 128"""
    numbers = [w(int(number)) for number in table.split()]
    total = _chain(ins, w(192), bias=1)
    for row in range(0, len(numbers), 7):
        c, one, reduce3, three, reduce5, five, pool = numbers[row : row + 7]
        total += sum(_conv(c, outs, 1, bias=1) + _norm(outs) for outs in (one, reduce3, reduce5, pool))
        total += _chain(reduce3, three, bias=1) + _chain(reduce5, five, five, bias=1)
    return total + _linear(w(1024), classes)


def _densenet(ins, classes, w):
    k = w(32)
    total, channels = _conv(ins, 2 * k), 2 * k
    for layers in (6, 12, 24, 16):
        if channels > 2 * k:
            total += _norm(channels) + _conv(channels, channels // 2, 1)
            channels //= 2
        for _ in range(layers):
            total += _norm(channels) + _conv(channels, 4 * k, 1) + _norm(4 * k) + _conv(4 * k, k)
            channels += k
    return total + _norm(channels) + _linear(channels, classes)


def _resnet_x4(blocks):
    def derive(ins, classes, w):
        stem, *planes = w(32), w(64), w(128), w(256)
        stem_and_blocks = _chain(ins, stem, *(outs for outs in planes for _ in range(2 * blocks)))
        shortcuts = sum(_conv(a, b, 1) + _norm(b) for a, b in pairwise([stem, *planes]))
        return stem_and_blocks + shortcuts + _linear(planes[-1], classes)

    return derive


def _shufflenetv2(ins, classes, w):
    def point(a, b):
        return _conv(a, b, 1) + _norm(b)

    def depth(a):
        return _conv(1, a) + _norm(a)

    total, channels = point(ins, w(24)), w(24)
    for half, units in ((w(58), 4), (w(116), 8), (w(232), 4)):
        left = depth(channels) + point(channels, half)
        right = point(channels, half) + depth(half) + point(half, half)
        total += left + right + (units - 1) * (2 * point(half, half) + depth(half))
        channels = 2 * half
    return total + point(channels, w(1024)) + _linear(w(1024), classes)


def _cnn(ins, classes, w):
    return _chain(ins, w(32), w(64), w(128), w(256)) + _linear(w(256), classes)


COUNTS = {
    "resnet18": (_resnet18, 11_173_962),
    "preact_resnet18": (_preact_resnet18, 11_171_146),
    "vgg16": (_vgg16, 14_728_266),
    "mobilenet": (_mobilenet, 3_217_226),
    "googlenet": (_googlenet, 6_166_250),
    "densenet": (_densenet, 6_956_298),
    "resnet8x4": (_resnet_x4(1), 1_210_410),
    "resnet32x4": (_resnet_x4(5), 7_410_730),
    "shufflenetv2": (_shufflenetv2, 1_263_278),
    "cnn": (_cnn, 391_466),
}


@pytest.mark.parametrize("name", COUNTS)
def test_parameter_count(name):
    derive, published = COUNTS[name]
    assert derive(3, 10, lambda channels: channels) == published
    assert _count(name, width=1.0) == published
    narrow = derive(1, 7, lambda channels: channels // 4)
    assert _count(name, width=0.25, in_channels=1, num_classes=7) == narrow


# --- What the stages put out for 32x32 pixels at width 1/8: (channels, side).
SHAPES = {
    "resnet18": [(8, 32), (16, 16), (32, 8), (64, 4)],
    "preact_resnet18": [(8, 32), (16, 16), (32, 8), (64, 4)],
    "vgg16": [(8, 32), (16, 16), (32, 8), (64, 4), (64, 1)],
    "mobilenet": [(8, 32), (16, 16), (32, 8), (64, 4), (128, 2)],
    "densenet": [(32, 32), (64, 16), (128, 8), (128, 4)],
    "cnn": [(4, 32), (8, 16), (16, 8), (32, 4)],
    "googlenet": [(60, 32), (104, 16), (128, 8)],
    "resnet8x4": [(8, 32), (16, 16), (32, 8)],
    "resnet32x4": [(8, 32), (16, 16), (32, 8)],
    "shufflenetv2": [(4, 32), (14, 16), (28, 8), (128, 4)],
}


@pytest.mark.parametrize("name", SHAPES)
def test_stage_shapes(name):
    outputs, _ = _build(name).eval().forward_stages(_images(1))
    assert [tuple(output.shape) for output in outputs] == [(1, c, side, side) for c, side in SHAPES[name]]


# --- The networks that torchvision has too, but for the stem.


def _torchvision_resnet18():
    reference = resnet.resnet18(num_classes=10)
    reference.conv1, reference.maxpool = nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.Identity()
    return reference


def _torchvision_densenet():
    reference = densenet.DenseNet(32, (6, 12, 24, 16), num_init_features=64, num_classes=10)
    reference.features.conv0 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    reference.features.norm0 = reference.features.relu0 = reference.features.pool0 = nn.Identity()
    return reference


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
        ("resnet18", _torchvision_resnet18),
        ("densenet", _torchvision_densenet),
        ("vgg16", _torchvision_vgg16),
        ("resnet8x4", _torchvision_resnet_x4(1)),
        ("resnet32x4", _torchvision_resnet_x4(5)),
        ("shufflenetv2", _torchvision_shufflenetv2),
    ],
)
def test_same_logits_as_torchvision(name, build_reference):
    images = _images(2)
    torch.manual_seed(3)
    reference = _ready(build_reference(), images)
    network = _build(name, width=1.0).eval()
    weights = zip(network.state_dict(), reference.state_dict().values(), strict=True)
    network.load_state_dict(dict(weights))
    with torch.no_grad():
        torch.testing.assert_close(network(images), reference(images), rtol=1e-4, atol=1e-5)


# --- Parts and options.


def test_preact_block_keeps_a_clear_identity_path():
    block = _PreActBlock(4, 4, 1)
    nn.init.zeros_(block.residual[-1].weight)
    x = _images(2, 4, 5)
    assert torch.equal(block(x), x)


def test_preact_block_projects_the_activated_input():
    block = _PreActBlock(4, 8, 2)
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
