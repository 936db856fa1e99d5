"""Which networks have a stem ahead of the blocks of their first stage."""

import pytest
import torch

from kd.distillation.stem import StemMaps, stem_of
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
