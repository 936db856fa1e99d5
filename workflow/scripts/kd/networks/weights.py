"""Weights of the user's own for one of the architectures, which must fit it to the last number."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor, nn

from kd.errors import UserError
from kd.io.files import refuse_changed
from kd.io.log import logger
from kd.io.tensors import read_tensors
from kd.networks.state import load_state

SHOWN = 3  # names of a kind in a message; the rest is counted
LONGEST = 80  # signs of a name in a message
# What wrappers put before every name: DataParallel, torch.compile, and the module of a training script.
PREFIXES = ("module.", "_orig_mod.", "model.")
# Heads of GoogLeNet and Inception v3 that only their own training uses.
AUXILIARY = ("aux1.", "aux2.", "AuxLogits.")
COUNTER = "num_batches_tracked"  # of a norm; it takes no part in any output, and old files have none
KINDS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
WHOLE = (torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8)


def read_weights(path: Path, expected: str, about: Mapping[str, Any]) -> dict[str, Tensor]:
    """The tensors of a safetensors file, in host memory.

    `about`: architecture and options that it should be of; a file of this workflow holds its own. Raises
    UserError naming the file if its SHA-256 is not `expected`, it is no such file, or holds another network.
    """
    refuse_changed(path, expected)
    try:
        with safe_open(path, framework="pt") as file:
            if "sealed" not in (file.metadata() or {}):
                return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        tensors, facts = read_tensors(path)
    except MemoryError:
        raise
    except Exception as error:  # a file from elsewhere can be wrong in more ways than its reader knows
        raise UserError(f"{path}: not a whole safetensors file ({error})") from error
    _check_facts(path, facts, about)
    return tensors


def _check_facts(path: Path, facts: Any, about: Mapping[str, Any]) -> None:
    """UserError if a file of this workflow holds another network than `about`."""
    if not isinstance(facts, dict):
        raise UserError(f"{path}: does not say which network it holds")
    if "architecture" not in facts or facts.get("changes"):
        what = "several networks; name its members" if "networks" in facts else "layers that a method added"
        raise UserError(f"{path}: holds {what}")
    options = facts.get("options")
    if not isinstance(options, dict):
        raise UserError(f"{path}: does not say which options its network has")
    known = {key: value for key, value in about["options"].items() if key in options}
    held = {key: options[key] for key in known}
    if facts["architecture"] != about["architecture"] or json.loads(json.dumps(known)) != held:
        raise UserError(
            f"{path}: holds {facts['architecture']} {options}, not {about['architecture']} {about['options']}"
        )


def load_weights(network: nn.Module, weights: Mapping[str, Tensor], path: Path) -> None:
    """Load `weights` into `network`, all of whose tensors they must be, with finite numbers.

    A network of a library is also known by the names that the library gives. A prefix of PREFIXES that all
    names have is left out, as are heads of AUXILIARY; counters of norms may be missing. Raises UserError
    naming the file and the first names of each kind that are missing, not known, of another shape or kind, or
    not finite.
    """
    weights = _without_prefix(weights, network.state_dict(), path)
    inner = getattr(network, "network", None)
    if isinstance(inner, nn.Module) and not network.state_dict().keys() & weights.keys():
        network = inner
    state = network.state_dict()
    weights = _without_heads(weights, state, path)
    both = [name for name in state if name in weights]
    wrong = {
        "lacks": [name for name in state if name not in weights and not name.endswith(COUNTER)],
        "has besides": [name for name in weights if name not in state],
        "has of another shape": [
            f"{_plain(name)} {tuple(weights[name].shape)}, not {tuple(state[name].shape)}"
            for name in both
            if weights[name].shape != state[name].shape
        ],
        f"has of another kind than {', '.join(map(_kind, KINDS))}": [
            f"{_plain(name)} ({_kind(weights[name].dtype)})"
            for name in both
            if weights[name].dtype not in KINDS + (() if state[name].is_floating_point() else WHOLE)
        ],
    }
    if not any(wrong.values()):
        infinite = [name for name in both if not weights[name].isfinite().all()]
        wrong["has numbers that are not finite in"] = infinite
    if mismatches := [f"{kind} {_few(names)}" for kind, names in wrong.items() if names]:
        raise UserError(f"{path}: does not fit this architecture and data set: it {'; '.join(mismatches)}")
    load_state(network, state | weights)


def _without_prefix(weights: Mapping[str, Tensor], state: Mapping[str, Tensor], path: Path) -> Mapping:
    """`weights` without the prefixes that all their names have, and that none has in `state`."""
    while prefix := next((prefix for prefix in PREFIXES if _all_begin(weights, prefix)), None):
        if any(name.removeprefix("network.").startswith(prefix) for name in state):
            break
        logger.info("%s: its tensors are read without the prefix %r of their names", path, prefix)
        weights = {name.removeprefix(prefix): tensor for name, tensor in weights.items()}
    return weights


def _all_begin(names: Iterable[str], prefix: str) -> bool:
    names = list(names)
    return bool(names) and all(name.startswith(prefix) for name in names)


def _without_heads(weights: Mapping[str, Tensor], state: Mapping[str, Tensor], path: Path) -> Mapping:
    """`weights` without auxiliary heads, where `state` has none."""
    heads = [head for head in AUXILIARY if not any(name.startswith(head) for name in state)]
    kept = {name: tensor for name, tensor in weights.items() if not name.startswith(tuple(heads))}
    if len(kept) < len(weights):
        logger.info("%s: its auxiliary heads are left out: nothing here uses them", path)
    return kept


def _kind(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _plain(name: str) -> str:
    """A name from elsewhere, without what a terminal would obey."""
    signs = (sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in name)
    return "".join(signs)[:LONGEST]


def _few(names: list[str]) -> str:
    rest = len(names) - SHOWN
    return ", ".join(map(_plain, names[:SHOWN])) + (f" and {rest} more" if rest > 0 else "")
