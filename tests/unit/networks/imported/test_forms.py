"""A file of another collection gives the logits that the collection's own network gives, in float64."""

import logging

import foreign_distillers as distillers
import foreign_pytorch_cifar as cifar
import foreign_pytorch_cifar_more as more
import pytest
import torch
from built import ready
from torch import nn

from kd.errors import UserError
from kd.networks.factory import build_network
from kd.networks.imported.by_order import form_of, in_our_order
from kd.networks.imported.forms import FORMS
from kd.networks.imported.state_dict import Checkpoint
from kd.networks.weights import load_weights
from kd.registry import architectures

pytestmark = pytest.mark.usefixtures("one_thread")

CLASSES = 5
PLANES = (64, 128, 256, 512)
FIVE = (64, 128, 256, 512, 512)
VGG = {
    "vgg8": (1,) * 5,
    "vgg11": (1, 1, 2, 2, 2),
    "vgg13": (2,) * 5,
    "vgg16": (2, 2, 3, 3, 3),
    "vgg19": (2, 2, 4, 4, 4),
}
DEEP = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
MOBILE = (16, 24, 32, 64, 96, 160, 320)


def times(part, channels):
    return tuple(int(part * count) for count in channels)


# Narrow networks: a name of ours and its options, and the other collection's network of the same channels.
NARROW = {
    "resnet20": ({"width": 0.5}, lambda: distillers.ResNet(3, (8, 8, 16, 32), CLASSES)),
    "resnet8x4": ({"width": 0.25}, lambda: distillers.ResNet(1, (8, 16, 32, 64), CLASSES)),
    "wrn_16_2": ({"width": 0.5}, lambda: distillers.WideResNet(16, (8, 16, 32, 64), CLASSES)),
    "wrn_16_1": ({"width": 0.5}, lambda: distillers.WideResNet(16, (8, 8, 16, 32), CLASSES)),
    "vgg13-three": (
        {"width": 0.125, "poolings": 3},
        lambda: distillers.VGG(VGG["vgg13"], times(0.125, FIVE), CLASSES),
    ),
    "vgg11": ({"width": 0.125}, lambda: cifar.VGG(VGG["vgg11"], times(0.125, FIVE), CLASSES)),
    "mobilenetv2_half": (
        {"width": 0.5},
        lambda: distillers.MobileHalf(8, times(0.25, MOBILE), 640, CLASSES),
    ),
    "shufflenetv1": ({"width": 0.5}, lambda: distillers.ShuffleV1(12, (120, 240, 480), 3, CLASSES)),
    "shufflenetv2": ({"width": 0.5}, lambda: distillers.ShuffleV2(12, (58, 116, 232), 512, CLASSES)),
    "resnet18": ({"width": 0.125}, lambda: cifar.resnet(DEEP[18], times(0.125, PLANES), CLASSES)),
    "resnet50": ({"width": 0.125}, lambda: cifar.resnet(DEEP[50], times(0.125, PLANES), CLASSES, True)),
    "preact_resnet18": (
        {"width": 0.125},
        lambda: cifar.preact_resnet(DEEP[18], times(0.125, PLANES), CLASSES),
    ),
    "preact_resnet50": (
        {"width": 0.125},
        lambda: cifar.preact_resnet(DEEP[50], times(0.125, PLANES), CLASSES, True),
    ),
    "senet18": ({"width": 0.125}, lambda: cifar.senet(times(0.125, PLANES), CLASSES)),
    "googlenet": ({"width": 0.25}, lambda: cifar.GoogLeNet(0.25, CLASSES)),
    "densenet": ({"growth": 4}, lambda: cifar.DenseNet((6, 12, 24, 16), 4, CLASSES)),
    "mobilenet": ({"width": 0.25}, lambda: more.mobilenet(0.25, CLASSES)),
    "mobilenetv2": ({"width": 0.25}, lambda: more.mobilenetv2(0.25, CLASSES)),
    "efficientnet_b0": ({}, lambda: more.efficientnet_b0(CLASSES)),
    "dla": ({"width": 0.25}, lambda: more.DLA(times(0.25, (16, 32, *PLANES)), CLASSES)),
    "simple_dla": ({"width": 0.25}, lambda: more.DLA(times(0.25, (16, 32, *PLANES)), CLASSES, True)),
    "dpn26": ({"width": 0.25}, lambda: more.dpn((2, 2, 2, 2), 0.25, CLASSES)),
    "resnext29": ({"width": 0.125}, lambda: more.resnext29(2, 8, 8, CLASSES)),
    "regnetx_200mf": ({}, lambda: more.regnet((1, 1, 4, 7), (24, 56, 152, 368), 8, False, CLASSES)),
    "regnety_400mf": ({}, lambda: more.regnet((1, 2, 7, 12), (32, 64, 160, 384), 16, True, CLASSES)),
    "pnasnet_a": ({"width": 0.25}, lambda: more.pnasnet(11, False, CLASSES)),
    "pnasnet_b": ({"width": 0.25}, lambda: more.pnasnet(8, True, CLASSES)),
}


def spread(network):
    """Every tensor of it at random, as none is before a training: a mistake could hide behind ones and zeros."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.5)
    return network


def mapped(name, options, tensors, side=32, classes=CLASSES):
    """Our network of this name with their tensors, in float64."""
    checked = dict(architectures()[name].options.model_validate(options))
    network = build_network(name, options, 3, classes).double()
    about = {"architecture": name, "options": checked}
    load_weights(network, Checkpoint(tensors), "theirs.pth", about, side)
    return network.eval()


# One of each form; the others have the same names.
QUICK = {
    *("resnet20", "resnet50", "wrn_16_2", "vgg13-three", "vgg11", "mobilenetv2_half", "shufflenetv1", "dla"),
    *("shufflenetv2", "preact_resnet50", "googlenet", "densenet", "mobilenet", "mobilenetv2", "pnasnet_b"),
    *("efficientnet_b0", "dpn26"),
}


def cases(every):
    return [pytest.param(case, marks=[] if case in QUICK else [pytest.mark.full], id=case) for case in every]


@pytest.mark.parametrize("case", cases(NARROW))
def test_same_logits_as_the_collections_own_network(case, caplog):
    caplog.set_level(logging.INFO, "kd")
    torch.manual_seed(4)
    name, (options, build) = case.removesuffix("-three"), NARROW[case]
    side = 32 if name.startswith("vgg") else 16  # pytorch-cifar's VGG pools five times
    images = torch.randn(4, 3, side, side, dtype=torch.float64)
    theirs = ready(spread(build().double()), images)
    ours = mapped(name, options, theirs.state_dict())
    with torch.no_grad():
        expected = theirs(images)
        torch.testing.assert_close(ours(images), expected, rtol=1e-9, atol=1e-9)
    assert expected.std(0).min() > 1e-3  # the logits depend on the images
    assert f"{len(ours.state_dict())} tensors taken by order" in caplog.text


# Those of published width, by their shapes alone.
WIDE = {
    **{
        f"resnet{depth}": lambda depth=depth: distillers.ResNet((depth - 2) // 6, (16, 16, 32, 64), 100)
        for depth in (8, 14, 20, 32, 44, 56, 110)
    },
    "resnet8x4": lambda: distillers.ResNet(1, (32, 64, 128, 256), 100),
    "resnet32x4": lambda: distillers.ResNet(5, (32, 64, 128, 256), 100),
    **{
        f"wrn_{depth}_{k}": lambda depth=depth, k=k: distillers.WideResNet(
            depth, (16, 16 * k, 32 * k, 64 * k), 100
        )
        for depth in (16, 40)
        for k in (1, 2)
    },
    **{f"{name}-three": lambda name=name: distillers.VGG(VGG[name], FIVE, 100) for name in VGG},
    **{name: lambda name=name: cifar.VGG(VGG[name], FIVE, 100) for name in VGG if name != "vgg8"},
    "mobilenetv2_half": lambda: distillers.MobileHalf(16, times(0.5, MOBILE), 1280, 100),
    "shufflenetv1": lambda: distillers.ShuffleV1(24, (240, 480, 960), 3, 100),
    "shufflenet_g3": lambda: distillers.ShuffleV1(24, (240, 480, 960), 3, 100),
    "shufflenet_g2": lambda: distillers.ShuffleV1(24, (200, 400, 800), 2, 100),
    "shufflenetv2": lambda: distillers.ShuffleV2(24, (116, 232, 464), 1024, 100),
    "shufflenetv2_x0_5": lambda: distillers.ShuffleV2(24, (48, 96, 192), 1024, 100),
    "shufflenetv2_x1_5": lambda: distillers.ShuffleV2(24, (176, 352, 704), 1024, 100),
    **{
        f"resnet{depth}": lambda depth=depth: cifar.resnet(DEEP[depth], PLANES, 100, depth >= 50)
        for depth in DEEP
    },
    **{
        f"preact_resnet{depth}": lambda depth=depth: cifar.preact_resnet(
            DEEP[depth], PLANES, 100, depth >= 50
        )
        for depth in (18, 34, 50)
    },
    "senet18": lambda: cifar.senet(PLANES, 100),
    "googlenet": lambda: cifar.GoogLeNet(1, 100),
    "densenet": lambda: cifar.DenseNet((6, 12, 24, 16), 32, 100),
    "densenet121": lambda: cifar.DenseNet((6, 12, 24, 16), 32, 100),
    "densenet169": lambda: cifar.DenseNet((6, 12, 32, 32), 32, 100),
    "densenet_cifar": lambda: cifar.DenseNet((6, 12, 24, 16), 12, 100),
    "mobilenet": lambda: more.mobilenet(1, 100),
    "mobilenetv2": lambda: more.mobilenetv2(1, 100),
    "efficientnet_b0": lambda: more.efficientnet_b0(100),
    "dla": lambda: more.DLA((16, 32, *PLANES), 100),
    "simple_dla": lambda: more.DLA((16, 32, *PLANES), 100, True),
    "dpn26": lambda: more.dpn((2, 2, 2, 2), 1, 100),
    "dpn92": lambda: more.dpn((3, 4, 20, 3), 1, 100),
    "resnext29": lambda: more.resnext29(2, 64, 64, 100),
    "regnetx_200mf": lambda: more.regnet((1, 1, 4, 7), (24, 56, 152, 368), 8, False, 100),
    "regnetx_400mf": lambda: more.regnet((1, 2, 7, 12), (32, 64, 160, 384), 16, False, 100),
    "regnety_400mf": lambda: more.regnet((1, 2, 7, 12), (32, 64, 160, 384), 16, True, 100),
    "pnasnet_a": lambda: more.pnasnet(44, False, 100),
    "pnasnet_b": lambda: more.pnasnet(32, True, 100),
}
OTHER_CHANNELS = {"shufflenetv2_x2_0"}  # which theirs have not as the paper has them


@pytest.mark.parametrize("case", cases(WIDE))
def test_every_network_of_published_width_is_mapped(case):
    name = case.removesuffix("-three")
    options = {"poolings": 3} if case.endswith("-three") else {}
    entry = architectures()[name].options.model_validate(options)
    with torch.device("meta"):
        theirs = WIDE[case]().state_dict()
        ours = build_network(name, options, 3, 100).state_dict()
    form = form_of(theirs, name)
    names = in_our_order(theirs, form, ours, {"architecture": name, "options": dict(entry)}, 32)
    assert names.keys() == ours.keys()
    assert {theirs[other].shape for other in names.values()} == {tensor.shape for tensor in ours.values()}
    assert len(set(names.values())) == len(names)


def test_every_architecture_that_a_collection_has_is_here():
    known = {case.removesuffix("-three") for case in WIDE} | OTHER_CHANNELS
    assert {name for form in FORMS for name in form.architectures.split()} == known
    assert known <= architectures().keys()


def test_the_order_of_a_file_does_not_count():
    """A safetensors file has its tensors by name, in which layer1.10 comes before layer1.2."""
    theirs = spread(distillers.ResNet(18, (4, 4, 8, 16), CLASSES)).double().eval()
    tensors = dict(sorted(theirs.state_dict().items()))
    assert list(tensors).index("layer1.10.bn1.bias") < list(tensors).index("layer1.2.bn1.bias")
    images = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    with torch.no_grad():
        logits = mapped("resnet110", {"width": 0.25}, tensors)(images)
        torch.testing.assert_close(logits, theirs(images), rtol=1e-9, atol=1e-9)


REFUSED = {
    "classes": (
        "resnet20",
        {},
        lambda: distillers.ResNet(3, (16, 16, 32, 64), 100),
        r"^a\.pth: has 100 outputs \(fc\), and the data set has 5 classes$",
    ),
    "depth": (
        "resnet20",
        {},
        lambda: distillers.ResNet(5, (16, 16, 32, 64), 5),
        r"has the names of RepDistiller and mdistiller, but is another network than resnet20 .*: it has 67"
        r" layers, and that 43, which first differ in layer1\.3\.conv1 \(weight \(16, 16, 3, 3\)\), not",
    ),
    "width": (
        "resnet18",
        {"width": 0.25},
        lambda: cifar.resnet(DEEP[18], PLANES, 5),
        r"differ in conv1 \(weight \(64, 3, 3, 3\)\), not stages\.0\.0\.0 \(weight \(16, 3, 3, 3\)\)$",
    ),
    "poolings": (
        "vgg13",
        {},
        lambda: distillers.VGG(VGG["vgg13"], FIVE, 5),
        r"has the names of RepDistiller and mdistiller, whose vgg13 has poolings: 3; set that$",
    ),
    "stem": (
        "shufflenetv2",
        {},
        lambda: distillers.ShuffleV2(24, (116, 232, 464), 1024, 5, kernel=3),
        r"first differ in conv1 .*pytorch-cifar's ShuffleNetV2 has a 3x3 stem",
    ),
    "channels": (
        "shufflenetv2_x2_0",
        {},
        lambda: distillers.ShuffleV2(24, (224, 488, 976), 2048, 5),
        r"first differ in layer1\..*RepDistiller's 2x has 224 channels where the paper has 244",
    ),
    "collection": (
        "resnet18",
        {},
        lambda: distillers.ResNet(3, (16, 16, 32, 64), 5),
        r"it lacks stages.*; has besides .*; known are also the names that pytorch-cifar, RepDistiller and mdis",
    ),
}


@pytest.mark.parametrize(("name", "options", "build", "says"), REFUSED.values(), ids=REFUSED)
def test_what_is_another_network_is_refused_in_one_line(name, options, build, says):
    with torch.device("meta"):
        theirs, network = build().state_dict(), build_network(name, options, 3, CLASSES)
    about = {"architecture": name, "options": dict(architectures()[name].options.model_validate(options))}
    with pytest.raises(UserError, match=says) as caught:
        load_weights(network, Checkpoint(theirs), "a.pth", about, 32)
    assert "\n" not in str(caught.value)
