"""Distillation papers' CIFAR networks answer as torchvision's do, but for the stem, and as a plain rendering does."""

import pytest
import torch
from built import ready
from tiers import FULL
from torch import nn
from torch.nn import functional
from torchvision.models import mobilenetv2, resnet, shufflenetv2, vgg
from torchvision.ops.misc import Conv2dNormActivation

from kd.networks.factory import build_network

pytestmark = pytest.mark.usefixtures("one_thread")


def _images(size=32):
    return torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(1))


def _assert_same_logits(network, reference, images, keys=None):
    """With the reference's weights; `keys` of the network are those that the reference has too."""
    reference = ready(reference, images)
    weights = zip(keys or network.state_dict(), reference.state_dict().values(), strict=True)
    network.load_state_dict(dict(weights), strict=keys is None)
    with torch.no_grad():
        expected = reference(images)
        assert (expected[0] - expected[1]).abs().max() > 1e-2, "the images' logits are too alike"
        torch.testing.assert_close(network.eval()(images), expected, rtol=1e-4, atol=1e-5)


# --- torchvision's.


def _thin_resnet(blocks):
    reference = resnet.ResNet(resnet.BasicBlock, [blocks] * 4, num_classes=10)
    reference.conv1, reference.bn1 = nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16)
    reference.inplanes = 16
    reference.layer1 = reference._make_layer(resnet.BasicBlock, 16, blocks)
    reference.layer2 = reference._make_layer(resnet.BasicBlock, 32, blocks, stride=2)
    reference.layer3 = reference._make_layer(resnet.BasicBlock, 64, blocks, stride=2)
    reference.maxpool = reference.layer4 = nn.Identity()
    reference.fc = nn.Linear(64, 10)
    return reference


def _vgg(letter, poolings=5):
    layers = list(vgg.cfgs[letter])
    for _ in range(5 - poolings):
        del layers[len(layers) - 1 - layers[::-1].index("M")]
    return nn.Sequential(
        vgg.make_layers(layers, batch_norm=True), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10)
    )


def _mobilenetv2(halved):
    strides = [(1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2)]
    settings = [*map(list, strides), [6, 320, 1, 1]]
    reference = mobilenetv2.MobileNetV2(10, 0.5 if halved else 1.0, settings, round_nearest=4)
    stem = reference.features[0]
    stem[0].stride = (2, 2) if halved else (1, 1)
    expand = Conv2dNormActivation(stem[0].out_channels, stem[0].out_channels, 1)
    reference.features[1] = nn.Sequential(expand, reference.features[1])
    for module in list(reference.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.ReLU6):
                setattr(module, name, nn.ReLU())
    return reference


def _shufflenetv2(size):
    reference = getattr(shufflenetv2, f"shufflenet_v2_{size}")(num_classes=10)
    reference.conv1[0], reference.maxpool = nn.Conv2d(3, 24, 1, bias=False), nn.Identity()
    return reference


@pytest.mark.parametrize(
    ("name", "options", "reference"),
    [
        ("resnet8", {}, lambda: _thin_resnet(1)),
        ("resnet20", {}, lambda: _thin_resnet(3)),
        ("vgg11", {}, lambda: _vgg("A")),
        pytest.param("vgg13", {}, lambda: _vgg("B"), marks=FULL),
        pytest.param("vgg13", {"poolings": 4}, lambda: _vgg("B", 4), marks=FULL),
        ("vgg13", {"poolings": 3}, lambda: _vgg("B", 3)),
        pytest.param("vgg19", {}, lambda: _vgg("E"), marks=FULL),
        ("mobilenetv2_half", {}, lambda: _mobilenetv2(halved=True)),
        ("shufflenetv2_x0_5", {}, lambda: _shufflenetv2("x0_5")),
        pytest.param("shufflenetv2_x1_5", {}, lambda: _shufflenetv2("x1_5"), marks=FULL),
        pytest.param("shufflenetv2_x2_0", {}, lambda: _shufflenetv2("x2_0"), marks=FULL),
    ],
)
def test_same_logits_as_torchvision(name, options, reference):
    torch.manual_seed(3)
    _assert_same_logits(build_network(name, options, 3, 10), reference(), _images())


def test_mobilenetv2_with_silent_projections_answers_as_torchvisions():
    torch.manual_seed(3)
    network = build_network("mobilenetv2", {}, 3, 10)
    silenced = 0
    for block in network.modules():
        if isinstance(shortcut := getattr(block, "shortcut", None), nn.Sequential) and len(shortcut):
            nn.init.zeros_(shortcut[1].weight)
            silenced += 1
    assert silenced == 4
    keys = [key for key in network.state_dict() if "shortcut" not in key]
    _assert_same_logits(network, _mobilenetv2(halved=False), _images(), keys)


# --- Written out, where torchvision has no such network.


class _Weights:
    """A network's weights, taken one layer after another; in train mode, so norms need no statistics."""

    def __init__(self, network):
        kinds = nn.Conv2d | nn.BatchNorm2d | nn.Linear
        self.layers = [module for module in network.modules() if isinstance(module, kinds)]

    def conv(self, x, stride=1, groups=1):
        weight = self.layers.pop(0).weight
        return functional.conv2d(x, weight, None, stride, weight.shape[2] // 2, groups=groups)

    def norm(self, x):
        layer = self.layers.pop(0)
        return functional.batch_norm(x, None, None, layer.weight, layer.bias, training=True)

    def linear(self, x):
        layer = self.layers.pop(0)
        return x.mean(dim=(2, 3)) @ layer.weight.T + layer.bias


def _wrn_16_2(x, take):
    x = take.conv(x)
    for channels, first_stride in ((32, 1), (64, 2), (128, 2)):
        for stride in (first_stride, 1):
            active = take.norm(x).relu()
            shortcut = x if x.shape[1] == channels else take.conv(active, stride)
            x = shortcut + take.conv(take.norm(take.conv(active, stride)).relu())
    return take.linear(take.norm(x).relu())


def _shufflenet_g3(x, take):
    x = take.norm(take.conv(x)).relu()
    for stage, units in enumerate((4, 8, 4)):
        for unit in range(units):
            groups, stride = 1 if stage == unit == 0 else 3, 1 if unit else 2
            branch = functional.channel_shuffle(take.norm(take.conv(x, 1, groups)).relu(), groups)
            branch = take.norm(take.conv(branch, stride, branch.shape[1])).relu()
            branch = take.norm(take.conv(branch, 1, 3))
            pooled = x if unit else functional.avg_pool2d(x, 3, 2, 1)
            x = (branch + x if unit else torch.cat([branch, pooled], dim=1)).relu()
    return take.linear(x)


@pytest.mark.parametrize(
    ("name", "written_out"),
    [("wrn_16_2", _wrn_16_2), ("shufflenet_g3", _shufflenet_g3), ("shufflenetv1", _shufflenet_g3)],
)
def test_same_logits_as_written_out(name, written_out):
    torch.manual_seed(3)
    network = build_network(name, {}, 3, 10).double().train()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):  # these begin as 1 and 0, which a mistake may hide behind
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias)
    images, take = _images(16).double(), _Weights(network)
    with torch.no_grad():
        torch.testing.assert_close(network(images), written_out(images, take))
    assert not take.layers


def test_a_projection_adds_the_convolved_input():
    """The one of pytorch-cifar's that torchvision does not have."""
    network = build_network("mobilenetv2", {"width": 0.125}, 3, 10)
    block = next(b for b in network.modules() if len(getattr(b, "shortcut", None) or ()))
    nn.init.zeros_(block.residual[-1].weight)
    x = torch.randn(2, block.shortcut[0].in_channels, 6, 6)
    expected = functional.batch_norm(block.shortcut[0](x), None, None, training=True)
    torch.testing.assert_close(block(x), expected)
