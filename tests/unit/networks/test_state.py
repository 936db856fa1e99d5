"""Plain mappings of tensors are loaded by modules that ask for the version of a state dict."""

import re
from pathlib import Path

import pytest
import torch
from torch import nn

import kd
from kd.networks.checkpoint import load_network, save_network
from kd.networks.factory import build_network
from kd.networks.imported.state_dict import Checkpoint
from kd.networks.state import load_state
from kd.networks.weights import load_weights

NAME = "torchvision/mnasnet0_5"


class Versioned(nn.Module):
    """As torchvision's MNASNet, which has had two layouts."""

    _version = 2

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(1, 1)

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *rest):
        if local_metadata.get("version") != 2:
            raise ValueError("version should be set")
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


def test_modules_get_their_own_version_at_any_depth():
    source, target = (nn.Sequential(nn.Sequential(Versioned())) for _ in range(2))
    tensors = {name: tensor + 1 for name, tensor in source.state_dict().items()}
    with pytest.raises(ValueError, match="version should be set"):
        target.load_state_dict(dict(tensors))
    load_state(target, tensors)
    assert torch.equal(target[0][0].layer.weight, source[0][0].layer.weight + 1)


def test_what_does_not_fit_is_an_error():
    with pytest.raises(RuntimeError, match="Missing key"):
        load_state(Versioned(), {"layer.bias": torch.zeros(1)})


def test_mnasnet_is_read_again_from_a_network_file_and_from_weights_of_torchvision(tmp_path):
    torch.manual_seed(0)
    network = build_network(NAME, {}, 3, 4)
    about = {"architecture": NAME, "options": {}, "in_channels": 3, "num_classes": 4}
    save_network(tmp_path / "model.safetensors", network.state_dict(), **about)
    again = load_network(tmp_path / "model.safetensors", torch.device("cpu"))
    theirs = build_network(NAME, {}, 3, 4)
    checkpoint = Checkpoint(dict(network.network.state_dict()))
    load_weights(theirs, checkpoint, tmp_path / "theirs.safetensors", about, 32)
    for read in (again, theirs):
        assert all(map(torch.equal, network.state_dict().values(), read.state_dict().values()))


def test_no_plain_mapping_is_loaded_otherwise():
    """Only what torch itself has made, whole, may go to load_state_dict."""
    own = {"networks/state.py", "methods/simkd.py", "models/torchvision.py"}
    root = Path(kd.__path__[0])
    calls = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        if re.search(r"\.load_state_dict\(", path.read_text(encoding="utf-8"))
    }
    assert calls == own
