"""The average of the weights beside torch's own AveragedModel."""

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from kd.training.optim.average import Average


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))


def trained(model, steps, after):
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for step in range(steps):
        images = torch.randn(8, 3, generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        model(images).square().sum().backward()
        optimizer.step()
        after()


def test_as_torch():
    """Whose first update copies the weights, as ours begins with them; whole numbers are taken over."""
    model = network()
    average, theirs = Average(model, 0.9), AveragedModel(model, None, None, get_ema_multi_avg_fn(0.9), True)
    theirs.update_parameters(model)

    def update():
        average.update()
        theirs.update_parameters(model)

    trained(model, 5, update)
    expected = theirs.module.state_dict()
    for name, tensor in average.tensors.items():
        if tensor.is_floating_point():
            assert torch.allclose(tensor, expected[name], rtol=1e-6), name
    assert average.tensors["1.num_batches_tracked"] == 5
    assert average.tensors.keys() == model.state_dict().keys()


def test_the_first_weights_lose_their_share_with_every_step():
    model = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        model.weight.fill_(1.0)
        average = Average(model, 0.9)
        model.weight.fill_(0.0)
    for _ in range(3):
        average.update()
    assert average.tensors["weight"].item() == pytest.approx(0.9**3)


def test_the_network_has_the_average_only_while_it_is_applied():
    model = network()
    average = Average(model, 0.9)
    trained(model, 3, average.update)
    last = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    mean = {name: tensor.clone() for name, tensor in average.tensors.items()}
    with average.applied():
        assert all(torch.equal(tensor, mean[name]) for name, tensor in model.state_dict().items())
    assert all(torch.equal(tensor, last[name]) for name, tensor in model.state_dict().items())
    assert all(torch.equal(tensor, mean[name]) for name, tensor in average.tensors.items())


def test_a_weight_with_two_names_and_a_mask_that_is_not_finite():
    """A mask of minus infinity has no mean with itself; it is no part of a state."""
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[1].weight = model[0].weight
    model.register_buffer("mask", torch.tensor(float("-inf")), persistent=False)
    average, before = Average(model, 0.5), model[0].weight.detach().clone()
    with torch.no_grad():
        model[0].weight.add_(1.0)
    average.update()
    with average.applied():
        assert torch.allclose(model[1].weight, before + 0.5)
        assert model.mask == float("-inf")
    assert torch.equal(model[0].weight, before + 1.0)
