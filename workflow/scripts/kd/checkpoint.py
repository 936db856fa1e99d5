"""Networks as safetensors files that say themselves how to build what they hold."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from kd.catalog import build_network
from kd.errors import UserError
from kd.files import whole


def save_network(
    path: Path,
    weights: Mapping[str, Tensor],
    *,
    architecture: str,
    options: Mapping[str, Any],
    in_channels: int,
    num_classes: int,
) -> None:
    """Write a state dict with the recipe to rebuild its network, so that no reader needs the config."""
    network = {
        "architecture": architecture,
        "options": dict(options),
        "in_channels": in_channels,
        "num_classes": num_classes,
    }
    # safetensors stores plain row-major tensors only; channels-last weights are copied into that order.
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    with whole(path) as temporary:
        save_file(tensors, temporary, metadata={"network": json.dumps(network, sort_keys=True)})


def load_network(path: Path, device: torch.device) -> nn.Module:
    """The network in `path`, in eval mode and without gradients, on `device`.

    Raises UserError naming the file if it is truncated, corrupt or does not fit its architecture.
    """
    try:
        with safe_open(path, framework="pt") as file:
            network = json.loads(file.metadata()["network"])
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        model = build_network(
            network["architecture"], network["options"], network["in_channels"], network["num_classes"]
        )
        model.load_state_dict(weights)
    except (SafetensorError, RuntimeError, KeyError, TypeError, OSError) as error:
        raise UserError(
            f"{path}: not a whole network file ({error}); delete it to have it made again"
        ) from error
    return model.to(device=device, memory_format=torch.channels_last).eval().requires_grad_(False)
