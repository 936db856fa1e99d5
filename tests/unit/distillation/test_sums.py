"""Last maps ahead of the norm and ReLU that close a last stage."""

import pytest
import torch

from kd.distillation.base import Context
from kd.distillation.batch import Batch, Output
from kd.distillation.sums import ComparedMaps
from kd.networks.factory import build_network

IMAGES = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def asked(network):
    stages, logits = network.forward_stages(IMAGES)
    return Output(logits, tuple(stages))


@pytest.mark.parametrize(
    ("teacher", "closed"), [("wrn_16_1", True), ("resnet8", False), ("preact_resnet18", False)]
)
@pytest.mark.parametrize("last_sum", [True, False])
def test_the_sum_stands_for_the_last_maps_where_norm_and_relu_close_them(teacher, closed, last_sum):
    torch.manual_seed(0)
    networks = [build_network(name, {"width": 0.25}, 3, 7).eval() for name in ("wrn_16_2", teacher)]
    maps = ComparedMaps(Context(*networks, (3, 8, 8), 7, torch.arange(4), 3), last_sum=last_sum)
    runs = (lambda _, network=networks[0]: asked(network)), (lambda *_, network=networks[1]: asked(network))
    batch = Batch(IMAGES, torch.arange(4), torch.arange(4), torch.zeros(()), False, *runs)
    compared = maps(batch)
    for network, theirs, plain in zip(networks, compared, (batch.student, batch.teacher), strict=True):
        assert all(torch.equal(*pair) for pair in zip(theirs[:-1], plain.stages[:-1], strict=True))
        if last_sum and (network is networks[0] or closed):
            norm, relu = network.stages[-1][-2:]
            assert torch.equal(relu(norm(theirs[-1])), plain.stages[-1])
            assert (theirs[-1] < 0).any()
        else:
            assert torch.equal(theirs[-1], plain.stages[-1])
    maps.close()
    again = Batch(IMAGES, torch.arange(4), torch.arange(4), torch.zeros(()), False, *runs)
    assert torch.equal(maps(again)[0][-1], again.student.stages[-1])
