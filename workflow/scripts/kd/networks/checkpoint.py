"""Networks as safetensors files that say themselves how to build what they hold."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from kd.io.files import not_whole
from kd.io.tensors import Corrupt, read_tensors, write_tensors
from kd.networks.ensemble import Ensemble
from kd.networks.factory import build_network, change_network
from kd.networks.placement import place
from kd.networks.state import load_state
from kd.networks.statistics import use_statistics


def save_network(
    path: Path,
    weights: Mapping[str, Tensor],
    *,
    architecture: str,
    options: Mapping[str, Any],
    in_channels: int,
    num_classes: int,
    changes: Mapping[str, Any] | None = None,
    statistics: Mapping[str, Any] | None = None,
) -> None:
    """Write a state dict with the recipe to rebuild its network, so that no reader needs the config.

    `changes`: what a method did to the layers that the architecture gives it. `statistics`: see
    kd.networks.statistics.
    """
    network = {
        "architecture": architecture,
        "options": dict(sorted(options.items())),
        "in_channels": in_channels,
        "num_classes": num_classes,
    }
    if changes:
        network["changes"] = dict(changes)
    if statistics:
        network["statistics"] = dict(statistics)
    # numpy() of channels-last weights is strided; what is written is in row-major order.
    arrays = {name: tensor.detach().cpu().numpy() for name, tensor in weights.items()}
    write_tensors(path, arrays, network)


def save_ensemble(path: Path, members: Sequence[Path], weights: Sequence[float]) -> None:
    """Write several network files as one, which load_network then reads as an Ensemble with these weights.

    Raises UserError naming the member that is not whole.
    """
    arrays, networks = {}, []
    for number, member in enumerate(members):
        with _whole(member):
            tensors, facts = read_tensors(member)
        networks.append(facts)
        arrays |= {f"networks.{number}.{name}": tensor.numpy() for name, tensor in tensors.items()}
    write_tensors(path, arrays, {"networks": networks, "weights": list(weights)})


def load_network(path: Path, device: torch.device) -> nn.Module:
    """The network in `path`, or the Ensemble, in eval mode and without gradients, on `device`.

    Raises UserError naming the file if it is cut short, changed since it was written, or does not fit its
    architecture.
    """
    with _whole(path):
        tensors, facts = read_tensors(path)
        if "networks" in facts:
            model = Ensemble([_build(network) for network in facts["networks"]], facts["weights"])
        else:
            model = _build(facts)
        load_state(model, tensors)
    return place(model, device).eval().requires_grad_(False)


def build_again(path: Path, device: torch.device) -> nn.Module:
    """A network as that in `path` was before its training: first weights, drawn anew, in train mode.

    Without the layers that a method gave it, and without pretrained weights.
    Raises UserError naming the file if it is not whole, or an ensemble.
    """
    with _whole(path):
        network = read_tensors(path)[1]
        return place(_build({**network, "changes": {}}), device).train()


def _build(network: Mapping[str, Any]) -> nn.Module:
    model = build_network(
        network["architecture"], network["options"], network["in_channels"], network["num_classes"]
    )
    change_network(model, network.get("changes", {}))
    if "statistics" in network:
        use_statistics(model, network["statistics"])
    return model


@contextmanager
def _whole(path: Path) -> Iterator[None]:
    """Turn what is wrong with the file into a UserError that names it."""
    try:
        yield
    except (Corrupt, RuntimeError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise not_whole(path, error, "a whole network file") from error
