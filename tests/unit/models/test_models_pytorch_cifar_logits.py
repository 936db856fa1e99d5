"""pytorch-cifar's networks beside torchvision's with the stem replaced: the logits, and what is drawn at random."""

from itertools import groupby

import pytest
import torch
from built import on_meta, ready
from tiers import FULL
from torch import nn
from torchvision.models import densenet, efficientnet, regnet, resnet

from kd.models.efficientnet import _MBConv
from kd.networks.factory import build_network

pytestmark = pytest.mark.usefixtures("one_thread")


def _images(batch, side=32):
    return torch.randn(batch, 3, side, side, generator=torch.Generator().manual_seed(1))


# --- The networks that torchvision has too, but for the stem.


def _resnet(depth):
    reference = getattr(resnet, f"resnet{depth}")(num_classes=10)
    reference.conv1, reference.maxpool = nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.Identity()
    return reference


def _resnext29(cardinality, wide):
    reference = resnet.ResNet(resnet.Bottleneck, [3, 3, 3, 1], groups=cardinality, width_per_group=wide)
    reference.conv1 = nn.Conv2d(3, 64, 1, bias=False)
    reference.maxpool = reference.layer4 = nn.Identity()
    reference.fc = nn.Linear(1024, 10)
    return reference


def _densenet(growth, *layers):
    reference = densenet.DenseNet(growth, layers, num_init_features=2 * growth, num_classes=10)
    reference.features.conv0 = nn.Conv2d(3, 2 * growth, 3, padding=1, bias=False)
    reference.features.norm0 = reference.features.relu0 = reference.features.pool0 = nn.Identity()
    return reference


def _regnet(depths, widths, group, squeeze=None):
    sizes = regnet.BlockParams(depths, widths, [group] * 4, [1.0] * 4, [1, 1, 2, 2], squeeze)
    reference = regnet.RegNet(sizes, num_classes=10, stem_width=64)
    reference.stem[0].stride = (1, 1)
    return reference


def _efficientnet():
    reference = efficientnet.efficientnet_b0(num_classes=10)
    reference.features[0][0].stride = (1, 1)
    reference.features[8], reference.classifier[1] = nn.Identity(), nn.Linear(320, 10)
    return reference


def _projections_last(state):
    """torchvision's RegNets have the projection of a block ahead of its other layers."""
    blocks = groupby(state.items(), key=lambda item: item[0].split(".proj.")[0].split(".f.")[0])
    return [value for _, block in blocks for _, value in sorted(block, key=lambda item: ".proj." in item[0])]


X400 = ([1, 2, 7, 12], [32, 64, 160, 384], 16)


@pytest.mark.parametrize(
    ("name", "options", "reference"),
    [
        ("resnet18", {}, lambda: _resnet(18)),
        pytest.param("resnet34", {}, lambda: _resnet(34), marks=FULL),
        pytest.param("resnet50", {}, lambda: _resnet(50), marks=FULL),
        pytest.param("resnet101", {}, lambda: _resnet(101), marks=FULL),
        pytest.param("resnet152", {}, lambda: _resnet(152), marks=FULL),
        pytest.param("resnext29", {}, lambda: _resnext29(2, 64), marks=FULL),
        ("resnext29", {"cardinality": 32, "bottleneck_width": 4}, lambda: _resnext29(32, 4)),
        pytest.param("densenet", {}, lambda: _densenet(32, 6, 12, 24, 16), marks=FULL),
        pytest.param("densenet169", {}, lambda: _densenet(32, 6, 12, 32, 32), marks=FULL),
        ("densenet_cifar", {}, lambda: _densenet(12, 6, 12, 24, 16)),
        ("regnetx_200mf", {}, lambda: _regnet([1, 1, 4, 7], [24, 56, 152, 368], 8)),
        pytest.param("regnetx_400mf", {}, lambda: _regnet(*X400), marks=FULL),
        pytest.param("regnety_400mf", {}, lambda: _regnet(*X400, squeeze=0.25), marks=FULL),
        ("efficientnet_b0", {}, _efficientnet),
    ],
)
def test_same_logits_as_torchvision(name, options, reference):
    images = _images(2, side=8)
    torch.manual_seed(3)
    reference, network = ready(reference(), images), on_meta(name, **options)
    weights = zip(network.state_dict(), _projections_last(reference.state_dict()), strict=True)
    network.load_state_dict(dict(weights), assign=True)
    with torch.no_grad():
        torch.testing.assert_close(network(images), reference(images), rtol=1e-4, atol=1e-4)


# --- What is drawn at random.


def test_stochastic_depth_grows_with_the_depth_as_torchvisions():
    blocks = [module for module in on_meta("efficientnet_b0").modules() if isinstance(module, _MBConv)]
    theirs = [b for b in efficientnet.efficientnet_b0().modules() if isinstance(b, efficientnet.MBConv)]
    assert [block.drop for block in blocks] == pytest.approx([b.stochastic_depth.p for b in theirs])
    assert [block.adds for block in blocks] == [b.use_res_connect for b in theirs]


def test_an_image_goes_without_a_layer_or_gets_more_of_it():
    torch.manual_seed(0)
    block, images = _MBConv(4, 4, 6, 3, 1, drop=0.25), torch.randn(400, 4, 3, 3)
    with torch.no_grad():
        whole = ready(block, images)(images) - images
        for module in block.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = 0.0  # so that the other images' statistics do not change meanwhile
        block.training = True  # of the block itself, not of its norms
        part = block(images) - images
    dropped = part.flatten(1).count_nonzero(dim=1) == 0
    assert 60 <= dropped.sum() <= 140  # 100 expected, and a standard deviation of 8.7
    torch.testing.assert_close(part[~dropped], whole[~dropped] / 0.75, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(("name", "chance"), [("efficientnet_b0", 0.2), ("simplenet", 0.1)])
def test_whole_channels_are_dropped_ahead_of_the_classifier(name, chance):
    torch.manual_seed(0)
    network, images = build_network(name, {}, 3, 10), _images(4)
    *_, last = (module for module in network.modules() if isinstance(module, nn.BatchNorm2d))
    nn.init.constant_(last.bias, 10)  # so that nothing else is zero
    maps = network.train().forward_stages(images)[0][-1]
    assert (maps == 0).all(dim=(2, 3)).double().mean().item() == pytest.approx(chance, abs=0.04)
    assert (network.eval().forward_stages(images)[0][-1] > 0).all()


def test_simplenet_drops_channels_after_each_of_its_poolings():
    stages = on_meta("simplenet").stages
    assert [[layer.p for layer in stage if isinstance(layer, nn.Dropout2d)] for stage in stages] == [
        [],
        [0.1],
        [0.1],
        [0.1],
        [0.1, 0.1],
    ]
