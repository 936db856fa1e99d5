"""Networks on disk: the same after a round trip, and a damaged file is named."""

import numpy as np
import pytest
import torch

from kd.errors import UserError
from kd.io.tensors import write_tensors
from kd.networks.checkpoint import build_again, load_network, save_network
from kd.networks.factory import build_network

CPU = torch.device("cpu")


@pytest.fixture
def saved(tmp_path):
    torch.manual_seed(0)
    network = build_network("cnn", {"channels": [4, 8]}, 1, 3).to(memory_format=torch.channels_last)
    network(torch.randn(8, 1, 8, 8))  # moves the running statistics away from their start
    path = tmp_path / "model.safetensors"
    about = {"architecture": "cnn", "options": {"channels": [4, 8], "width": 1.0}, "in_channels": 1}
    save_network(path, network.state_dict(), num_classes=3, **about)
    return path, network.eval()


def test_a_network_comes_back_without_its_config(saved):
    path, network = saved
    loaded = load_network(path, CPU)
    images = torch.randn(5, 1, 8, 8)
    assert torch.equal(loaded(images), network(images))
    assert not loaded.training
    assert not any(parameter.requires_grad for parameter in loaded.parameters())


@pytest.mark.parametrize(
    ("architecture", "options"),
    [("cnn", {"width": 0.125}), pytest.param("torchvision/swin_t", {}, marks=pytest.mark.full)],
)
def test_a_network_built_again_has_nothing_that_was_learnt(tmp_path, architecture, options):
    """Transformers have embeddings and biases that no layer's reset_parameters would draw again."""
    torch.manual_seed(0)
    network = build_network(architecture, options, 1, 3)
    state = {name: tensor + 3 for name, tensor in network.state_dict().items()}  # as if it had been trained
    about = {"architecture": architecture, "options": options, "in_channels": 1, "num_classes": 3}
    save_network(tmp_path / "model", state, **about)
    torch.manual_seed(0)
    again = build_again(tmp_path / "model", CPU)
    for name, tensor in again.state_dict().items():
        assert torch.equal(tensor, network.state_dict()[name]), name
    assert again.training
    assert all(parameter.requires_grad for parameter in again.parameters())
    first = next(again.parameters())
    assert not torch.equal(first, next(build_again(tmp_path / "model", CPU).parameters()))


def test_the_same_network_gives_the_same_bytes(saved, tmp_path):
    path, network = saved
    about = {"architecture": "cnn", "options": {"width": 1.0, "channels": [4, 8]}, "in_channels": 1}
    save_network(tmp_path / "again.safetensors", network.state_dict(), num_classes=3, **about)
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("keep", [0, 7, 100, -1])
def test_a_truncated_file_is_named(saved, keep):
    path, _ = saved
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UserError, match=r"model\.safetensors: not a whole network file"):
        load_network(path, CPU)


def test_a_pickle_is_not_opened(tmp_path):
    path = tmp_path / "model.safetensors"
    torch.save({"weight": torch.zeros(1)}, path)
    with pytest.raises(UserError, match="not a whole network file"):
        load_network(path, CPU)


@pytest.mark.parametrize(
    "facts",
    [
        *(3, None, [], {}, {"architecture": "cnn"}, {"networks": 3}, {"networks": [], "weights": None}),
        {"architecture": 3, "options": [], "in_channels": 1},
        {"architecture": "cnn", "options": {}, "in_channels": 1, "num_classes": 3, "changes": ["simkd"]},
        {"architecture": "cnn", "options": {"width": "x"}, "in_channels": 1, "num_classes": 3},
    ],
    ids=str,
)
def test_facts_of_another_form_are_one_line(tmp_path, facts):
    path = tmp_path / "model.safetensors"
    write_tensors(path, {"a": np.zeros(1)}, facts)
    with pytest.raises(UserError, match=r"model\.safetensors: not a whole network file|no architecture 3"):
        load_network(path, CPU)


def test_weights_of_another_shape_are_refused(saved):
    path, network = saved
    about = {"architecture": "cnn", "options": {"channels": [4, 9]}, "in_channels": 1, "num_classes": 3}
    save_network(path, network.state_dict(), **about)
    with pytest.raises(UserError, match=r"model\.safetensors: not a whole network file"):
        load_network(path, CPU)
