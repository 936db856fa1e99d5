"""A teacher that runs beside its student: in eval mode, or with the statistics of the batch at hand."""

import copy

import torch
from torch import nn

from kd.networks.factory import build_network
from kd.teachers.teacher import LiveTeacher


def trained():
    """With running statistics that are not those of its images, and dropout behind its classifier."""
    torch.manual_seed(0)
    network = build_network("resnet8", {"width": 0.25}, 3, 5)
    network.classifier = nn.Sequential(network.classifier, nn.Dropout(0.5))
    network.train()(torch.randn(16, 3, 8, 8) * 3 + 1)
    return network


def output(network, images, **options):
    return LiveTeacher(network, stages=True, **options).output(images, torch.arange(len(images)))


def test_batch_norms_go_by_the_batch_and_learn_nothing_from_it():
    network, images = trained(), torch.randn(8, 3, 8, 8)
    before = copy.deepcopy(network.state_dict())
    outcome = output(network, images, batch_statistics=True)
    twin = copy.deepcopy(network).train()
    twin.classifier.eval()  # dropout is no batch norm
    stages, logits = twin.forward_stages(images)
    for ours, theirs in zip((outcome.logits, *outcome.stages), (logits, *stages), strict=True):
        torch.testing.assert_close(ours, theirs)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_otherwise_it_is_in_eval_mode():
    network, images = trained(), torch.randn(8, 3, 8, 8)
    logits = network.eval()(images)
    assert torch.equal(output(network, images).logits, logits)
    assert not torch.allclose(output(network, images, batch_statistics=True).logits, logits, rtol=0.1)
