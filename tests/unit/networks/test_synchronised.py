"""Synchronised batch norms: the same outputs in eval mode, where they need no other rank, and the same stages."""

import pytest
import torch
from torch import nn

from kd.networks.factory import build_network
from kd.networks.synchronised import with_synchronised_norms

IMAGES = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def norms(network):
    return [layer for layer in network.modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm)]


@pytest.mark.parametrize(
    ("architecture", "options"),
    [
        ("resnet8", {}),
        ("torchvision/resnet18", {}),
        pytest.param("timm/efficientnet_b0", {}, marks=pytest.mark.full),  # its norms have activations
        ("timm/test_efficientnet", {}),
    ],
)
@torch.no_grad()
def test_outputs_and_stages_stay(architecture, options):
    pytest.importorskip("timm")
    torch.manual_seed(0)
    network = build_network(architecture, options, 3, 10).eval()
    for layer in norms(network):  # so that no norm is the identity
        layer.running_mean.uniform_(-1, 1)
        layer.running_var.uniform_(0.5, 2)
    stages, logits = network.forward_stages(IMAGES)
    count = len(norms(network))
    changed = with_synchronised_norms(network)
    assert count == len([layer for layer in norms(changed) if isinstance(layer, nn.SyncBatchNorm)]) > 0
    after, same = changed.forward_stages(IMAGES)
    torch.testing.assert_close(same, logits)
    assert len(after) == len(stages)
    for one, other in zip(after, stages, strict=True):
        torch.testing.assert_close(one, other)


def test_hooks_on_a_norm_stay():
    heard = []
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    network[1].register_forward_hook(lambda module, inputs, output: heard.append("after"))
    network[1].register_forward_pre_hook(
        lambda module, inputs, more: heard.append("before"), with_kwargs=True
    )
    with_synchronised_norms(network.eval())(IMAGES)
    assert heard == ["before", "after"]
