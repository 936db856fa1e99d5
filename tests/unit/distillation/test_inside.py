"""What networks put out inside: which have a stem ahead of their blocks, and how layers are heard."""

import pytest
import torch

from kd.distillation.inside import Listener, StemMaps, blank, stages_once, stem_of
from kd.networks.factory import build_network

NETWORKS = {  # channels of the stem at this width, or None
    "resnet8": 4,
    "wrn_16_2": 4,
    "resnet18": 16,
    "preact_resnet18": 16,
    "vgg16": None,
    "cnn": None,
}


@pytest.mark.parametrize("name", NETWORKS)
def test_stems_are_recognised_and_heard(name):
    torch.manual_seed(0)
    network = build_network(name, {"width": 0.25}, 3, 7)
    if NETWORKS[name] is None:
        assert stem_of(network) is None
        return
    images, maps = torch.randn(2, 3, 8, 8), StemMaps(network, (3, 8, 8))
    assert maps.shape == (NETWORKS[name], 8, 8)
    network.eval().forward_stages(images)
    assert torch.equal(maps(), network.stages[0][0](images))
    maps.close()
    network.forward_stages(images)
    with pytest.raises(KeyError):
        maps()


@pytest.mark.parametrize("training", [True, False])
def test_a_run_in_between_leaves_no_trace(training):
    torch.manual_seed(0)
    network = build_network("resnet8", {"width": 0.25}, 1, 3).train(training)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    images = blank(network, (1, 8, 8))
    assert not images.any()
    stages = stages_once(network, images)
    assert network.training is training
    assert not any(stage.requires_grad for stage in stages)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    expected, _ = network.eval().forward_stages(images)
    assert all(torch.equal(*pair) for pair in zip(stages, expected, strict=True))


def test_what_was_heard_is_handed_over_once_and_in_float32():
    layer = torch.nn.Linear(2, 3).bfloat16()
    listener = Listener(layer)
    assert not listener.heard
    made = layer(torch.ones(1, 2).bfloat16())
    assert listener.heard
    assert torch.equal(listener(), made.float())
    assert not listener.heard
