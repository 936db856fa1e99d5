"""Logits of the networks of pytorch-cifar that torchvision does not have, and of SimpleNet, written out."""

import pytest
import torch
from built import ready
from torch import nn
from torch.nn import functional

from kd.networks.factory import build_network

pytestmark = pytest.mark.usefixtures("one_thread")


class _Weights:
    """A network's weights, taken one layer after another."""

    def __init__(self, network):
        kinds = nn.Conv2d | nn.BatchNorm2d | nn.Linear
        self.layers = [module for module in network.modules() if isinstance(module, kinds)]

    def conv(self, x, stride=1):
        layer = self.layers.pop(0)
        groups = x.shape[1] // layer.weight.shape[1]
        return functional.conv2d(
            x, layer.weight, layer.bias, stride, layer.weight.shape[2] // 2, groups=groups
        )

    def norm(self, x):
        layer = self.layers.pop(0)
        return functional.batch_norm(x, layer.running_mean, layer.running_var, layer.weight, layer.bias)

    def conv_norm(self, x, stride=1):
        return self.norm(self.conv(x, stride))

    def linear(self, x):
        layer = self.layers.pop(0)
        return x.mean(dim=(2, 3)) @ layer.weight.T + layer.bias


def _preact_resnet50(x, take):
    x = take.conv(x)
    for stage, blocks in enumerate((3, 4, 6, 3)):
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            active = take.norm(x).relu()
            shortcut = x if block else take.conv(active, stride)
            middle = take.norm(take.conv(active)).relu()
            x = shortcut + take.conv(take.norm(take.conv(middle, stride)).relu())
    return take.linear(x)


def _senet18(x, take):
    x = take.conv_norm(x).relu()
    for stage in range(4):
        for block in range(2):
            stride = 2 if stage and not block else 1
            active = take.norm(x).relu()
            shortcut = take.conv(active, stride) if stride == 2 else x
            residual = take.conv(take.norm(take.conv(active, stride)).relu())
            gate = take.conv(take.conv(functional.adaptive_avg_pool2d(residual, 1)).relu())
            x = shortcut + residual * gate.sigmoid()
    return take.linear(x)


def _dpn26(x, take):
    x = take.conv_norm(x).relu()
    for stage, added in enumerate((32, 64, 128, 256)):
        for block in range(2):
            stride = 2 if stage and not block else 1
            out = take.conv_norm(take.conv_norm(take.conv_norm(x).relu(), stride).relu())
            old = x if block else take.conv_norm(x, stride)
            x = torch.cat([old[:, :added] + out[:, :added], old[:, added:], out[:, added:]], dim=1).relu()
    return take.linear(x)


def _basic(x, take, stride=1):
    out = take.conv_norm(take.conv_norm(x, stride).relu())
    return (out + (x if out.shape == x.shape else take.conv_norm(x, stride))).relu()


def _leaf(x, take, stride):
    left = _basic(x, take, stride)
    right = _basic(left, take)
    return take.conv_norm(torch.cat([left, right], dim=1)).relu()


def _dla(x, take):
    for _ in range(3):
        x = take.conv_norm(x).relu()
    x = _leaf(x, take, 1)
    for _ in range(2):
        base, tree = _basic(x, take, 2), _leaf(x, take, 2)
        left = _basic(tree, take)
        right = _basic(left, take)
        x = take.conv_norm(torch.cat([base, tree, left, right], dim=1)).relu()
    return take.linear(_leaf(x, take, 2))


def _simple_dla(x, take):
    for _ in range(3):
        x = take.conv_norm(x).relu()
    x = _leaf(x, take, 1)
    for _ in range(2):
        left = _leaf(x, take, 2)
        right = _leaf(left, take, 1)
        x = take.conv_norm(torch.cat([left, right], dim=1)).relu()
    return take.linear(_leaf(x, take, 2))


def _pnasnet_a(x, take):
    x = take.conv_norm(x).relu()
    for cell in range(20):
        stride = 2 if cell in (6, 13) else 1
        seven, pooled = take.conv_norm(x, stride), functional.max_pool2d(x, 3, stride, 1)
        x = (seven + (take.conv_norm(pooled) if stride == 2 else pooled)).relu()
    return take.linear(x)


def _pnasnet_b(x, take):
    x = take.conv_norm(x).relu()
    for cell in range(20):
        stride = 2 if cell in (6, 13) else 1
        seven, three, five = (take.conv_norm(x, stride) for _ in range(3))
        pooled = functional.max_pool2d(x, 3, stride, 1)
        pooled = take.conv_norm(pooled) if stride == 2 else pooled
        x = take.conv_norm(torch.cat([(seven + three).relu(), (pooled + five).relu()], dim=1)).relu()
    return take.linear(x)


def _simplenet(x, take):
    for layer in range(13):
        x = functional.max_pool2d(x, 2) if layer in (4, 7, 9, 12) else x
        x = take.conv_norm(x).relu()
    return take.linear(x.amax(dim=(2, 3), keepdim=True))


WRITTEN_OUT = {
    "preact_resnet50": _preact_resnet50,
    "senet18": _senet18,
    "dpn26": _dpn26,
    "dla": _dla,
    "simple_dla": _simple_dla,
    "pnasnet_a": _pnasnet_a,
    "pnasnet_b": _pnasnet_b,
    "simplenet": _simplenet,
}


@pytest.mark.parametrize("name", WRITTEN_OUT)
def test_same_logits_as_written_out(name):
    torch.manual_seed(3)
    network, images = (
        build_network(name, {"width": 0.125}, 3, 10).double(),
        torch.randn(8, 3, 32, 32).double(),
    )
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):  # these begin as 1 and 0, which a mistake may hide behind
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias)
    take = _Weights(ready(network, images))
    with torch.no_grad():
        torch.testing.assert_close(network(images), WRITTEN_OUT[name](images, take))
    assert not take.layers
