"""Every architecture that the registry finds: images of any size, gradients, width, weights, stages, cost."""

import inspect
import re
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from built import every_architecture, on_meta, ready, size, stage_shapes
from torch import Tensor, nn

from kd.models.layers.staged import StagedNet
from kd.networks.factory import build_network
from kd.networks.size import count_macs, count_parameters
from kd.registry import architectures

pytestmark = pytest.mark.usefixtures("one_thread")


def _build(name, width=0.125, in_channels=3, num_classes=10, seed=0):
    torch.manual_seed(seed)
    return build_network(name, {"width": width}, in_channels, num_classes)


def _images(batch, in_channels=3, side=32):
    return torch.randn(batch, in_channels, side, side, generator=torch.Generator().manual_seed(1))


@dataclass(frozen=True)
class Seen:
    """A network in eval mode, some images, and what it made of them; all channels_last, as in the jobs.

    Its parameters have the gradients of one step in train mode.
    """

    network: StagedNet
    images: Tensor
    while_training: list[Tensor]
    outputs: list[Tensor]
    logits: Tensor


@pytest.fixture(scope="module", params=every_architecture())
def name(request):
    """All tests of one architecture run one after the other, so that they can share what is seen."""
    return request.param


# As wide as published, without values.
published = cache(on_meta)


@pytest.fixture(scope="module")
def seen(name):
    network = _build(name)
    for module in network.modules():  # else few squeezed channels may all be silent
        if isinstance(module, nn.Conv2d) and module.bias is not None:
            nn.init.ones_(module.bias)
    images = _images(6, side=16)
    nn.functional.cross_entropy(network(images), torch.arange(6)).backward()
    network, images = (tensors.to(memory_format=torch.channels_last) for tensors in (network, images))
    with torch.no_grad():
        while_training, _ = network.forward_stages(images)
        return Seen(network, images, while_training, *ready(network, images).forward_stages(images))


def test_trains_on_images_of_any_size(name):
    """One channel here; three where gradients are checked."""
    network = _build(name, in_channels=1, num_classes=7)
    for side in (8, 9, 64):
        logits = network(_images(2, 1, side))
        assert logits.shape == (2, 7)
        assert logits.isfinite().all()


def test_runs_at_the_smallest_width(name):
    assert _build(name, width=0.001)(_images(2, side=8)).isfinite().all()


def test_every_parameter_gets_a_gradient(seen):
    absorbed = set()  # these may get zero, as batch norm subtracts a bias again; nothing else may
    for key, module in seen.network.named_modules():
        if isinstance(module, nn.Conv2d) and module.bias is not None:
            absorbed.add(f"{key}.bias")
    for key, parameter in seen.network.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.isfinite().all(), key
        assert key in absorbed or parameter.grad.count_nonzero() > 0, key


def test_wider_networks_have_more_parameters(name, seen):
    counts = [count_parameters(seen.network), count_parameters(published(name)), size(name, width=1.5)]
    assert all(narrow < wide for narrow, wide in pairwise(counts)), counts


def test_saved_weights_give_the_same_logits(name, seen):
    copy = _build(name, seed=2).to(memory_format=torch.channels_last).eval()
    with torch.no_grad():
        assert not torch.allclose(seen.logits, copy(seen.images), atol=1e-3)
        copy.load_state_dict(seen.network.state_dict())
        assert torch.equal(seen.logits, copy(seen.images))


def test_images_of_a_batch_do_not_mix_in_eval_mode(seen):
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    with torch.no_grad():
        logits = seen.network(seen.images[order])
    torch.testing.assert_close(logits, seen.logits[order], rtol=1e-4, atol=1e-5)
    assert seen.logits.std(dim=0).min() > 1e-3, "the images' logits are too alike to tell an order"


def test_stage_outputs_lead_to_the_logits(seen):
    network, outputs = seen.network, seen.outputs
    with torch.no_grad():
        assert torch.equal(seen.logits, network(seen.images))
        assert torch.equal(seen.logits, network.classifier(outputs[-1].mean(dim=(2, 3))))
        # Also fails when a stage overwrites the map that is its input.
        for stage, before, after in zip(network.stages, [seen.images, *outputs], outputs, strict=False):
            assert torch.equal(stage(before), after)
    assert len(outputs) >= 3
    assert all(before.shape[2] >= after.shape[2] for before, after in pairwise(outputs))


def test_maps_stay_channels_last(seen):
    """The format that the jobs train in: a layer that leaves it costs a copy, and another on the way back."""
    maps = [*seen.while_training, *seen.outputs]
    assert all(output.is_contiguous(memory_format=torch.channels_last) for output in maps)


def test_the_docstring_says_how_large_it_is(name):
    """Parameters for 3 channels and 10 classes, and what the stages put out for 32x32 pixels, where stated."""
    text = " ".join(inspect.getdoc(architectures()[name].load()).split())
    if "parameters for 3 channels and 10 classes" in text:
        assert f" {count_parameters(published(name)):,} parameters for 3 channels and 10 classes" in text
    if declared := re.findall(r"\b(\d+)x(\d+)x(\d+)\b", text):
        shapes = stage_shapes(published(name))
        # More may follow, of what an option changes.
        assert [tuple(map(int, shape)) for shape in declared[: len(shapes)]] == shapes


def test_four_times_the_pixels_cost_four_times_as_much(seen):
    """But for what has one place only: the classifier, and squeezed channels."""
    small, large = (count_macs(seen.network, torch.zeros(1, 3, side, side)) for side in (32, 64))
    assert 0 < 3.9 * small < large <= 4 * small


def test_the_page_of_architectures_has_each_with_its_size():
    """Its rows: family, name, parameters, multiply-accumulates, paper."""
    page = (Path(__file__).parents[3] / "docs" / "architectures.md").read_text(encoding="utf-8")
    rows = [
        line.strip("| \n").split("|") for line in page.splitlines() if line.count("|") == 6 and "`" in line
    ]
    sizes = {
        row[-4].strip(" `"): int(row[-3].replace(",", "")) for row in rows if row[-3].strip()[0].isdigit()
    }
    assert sizes == {name: count_parameters(published(name)) for name in architectures()}
