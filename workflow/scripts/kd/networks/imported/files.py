"""Files of the user's weights: safetensors, and what torch.save writes."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import safe_open

from kd.errors import UserError
from kd.io.files import reading, refuse_changed
from kd.io.tensors import read_tensors
from kd.io.weight_files import is_safetensors, other_kind
from kd.networks.imported.pickled import read_pickled
from kd.networks.imported.state_dict import Checkpoint, checkpoint_of


def read_weights(path: Path, expected: str, about: Mapping[str, Any]) -> Checkpoint:
    """The tensors of a file of weights, in host memory, and what else is known of them.

    `about`: architecture and options that it should be of; a file of this workflow holds its own. Raises
    UserError naming the file if its SHA-256 is not `expected`, it is no such file, or holds another network.
    """
    refuse_changed(path, expected)
    with reading(path):
        if kind := other_kind(path):
            raise UserError(f"{path}: holds no weights: it is {kind}")
        safetensors = is_safetensors(path)
    if not safetensors:
        return checkpoint_of(read_pickled(path), path)
    try:
        with safe_open(path, framework="pt") as file:
            if "sealed" not in (file.metadata() or {}):
                return Checkpoint({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
        tensors, facts = read_tensors(path)
    except MemoryError:
        raise
    except Exception as error:  # a file from elsewhere can be wrong in more ways than its reader knows
        raise UserError(f"{path}: not a whole safetensors file ({error})") from error
    _check_facts(path, facts, about)
    return Checkpoint(tensors)


def _check_facts(path: Path, facts: Any, about: Mapping[str, Any]) -> None:
    """UserError if a file of this workflow holds another network than `about`."""
    if not isinstance(facts, dict):
        raise UserError(f"{path}: does not say which network it holds")
    if "architecture" not in facts or facts.get("changes"):
        what = "several networks; name its members" if "networks" in facts else "layers that a method added"
        raise UserError(f"{path}: holds {what}")
    if facts.get("statistics"):
        text = "holds an imported network with a mean and deviation of its own; name the file that it is from"
        raise UserError(f"{path}: {text}, with mean and std")
    options = facts.get("options")
    if not isinstance(options, dict):
        raise UserError(f"{path}: does not say which options its network has")
    known = {key: value for key, value in about["options"].items() if key in options}
    held = {key: options[key] for key in known}
    if facts["architecture"] != about["architecture"] or json.loads(json.dumps(known)) != held:
        raise UserError(
            f"{path}: holds {facts['architecture']} {options}, not {about['architecture']} {about['options']}"
        )
