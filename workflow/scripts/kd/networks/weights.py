"""Weights of the user's own for one of the architectures, which must fit it to the last number."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from kd.errors import UserError
from kd.io.files import refuse_changed
from kd.io.tensors import Corrupt, read_tensors
from kd.networks.state import load_state

SHOWN = 3  # names of a kind in a message; the rest is counted


def read_weights(path: Path, expected: str, about: Mapping[str, Any]) -> dict[str, Tensor]:
    """The tensors of a safetensors file, in host memory.

    `about`: architecture and options that it should be of; a file of this workflow holds its own. Raises
    UserError naming the file if its SHA-256 is not `expected`, it is no such file, or holds another network.
    """
    try:
        refuse_changed(path, expected)
        with safe_open(path, framework="pt") as file:
            if "sealed" not in (file.metadata() or {}):
                return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        tensors, facts = read_tensors(path)
    except (SafetensorError, OSError, Corrupt) as error:
        raise UserError(f"{path}: not a whole safetensors file ({error})") from error
    _check_facts(path, facts, about)
    return tensors


def _check_facts(path: Path, facts: Mapping[str, Any], about: Mapping[str, Any]) -> None:
    """UserError if a file of this workflow holds another network than `about`."""
    if "architecture" not in facts or facts.get("changes"):
        what = "several networks; name its members" if "networks" in facts else "layers that a method added"
        raise UserError(f"{path}: holds {what}")
    known = {key: value for key, value in about["options"].items() if key in facts["options"]}
    held = {key: facts["options"][key] for key in known}
    if facts["architecture"] != about["architecture"] or json.loads(json.dumps(known)) != held:
        raise UserError(
            f"{path}: holds {facts['architecture']} {facts['options']}, not {about['architecture']}"
            f" {about['options']}"
        )


def load_weights(network: nn.Module, weights: Mapping[str, Tensor], path: Path) -> None:
    """Load `weights` into `network`, all of whose tensors they must be, with finite numbers.

    A network of a library is also known by the names that the library gives. Raises UserError naming the file
    and the first names of each kind that are missing, not known, of another shape, or not finite.
    """
    state = network.state_dict()
    inner = getattr(network, "network", None)
    if isinstance(inner, nn.Module) and not any(name in state for name in weights):
        weights = {f"network.{name}": tensor for name, tensor in weights.items()}
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    both = [name for name in state if name in weights]
    wrong = {
        "lacks": [name for name in state if name not in weights],
        "has besides": [name for name in weights if name not in state],
        "has of another shape": [
            f"{name} {tuple(weights[name].shape)}, not {shapes[name]}"
            for name in both
            if tuple(weights[name].shape) != shapes[name]
        ],
        "has numbers that are not finite in": [name for name in both if not weights[name].isfinite().all()],
    }
    if mismatches := [f"{kind} {_few(names)}" for kind, names in wrong.items() if names]:
        raise UserError(f"{path}: does not fit this architecture and data set: it {'; '.join(mismatches)}")
    load_state(network, weights)


def _few(names: list[str]) -> str:
    rest = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {rest} more" if rest > 0 else "")
