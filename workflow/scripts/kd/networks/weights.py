"""Weights of the user's own for one of the architectures, which must fit it to the last number."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from kd.errors import UserError
from kd.io.log import logger
from kd.networks.imported.by_order import form_of, in_our_order
from kd.networks.imported.forms import Form, forms_of
from kd.networks.imported.names import COUNTER, cleaned
from kd.networks.imported.shown import few, plain
from kd.networks.imported.state_dict import Checkpoint
from kd.networks.state import load_state

KINDS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
WHOLE = (torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8)


def load_weights(
    network: nn.Module, checkpoint: Checkpoint, path: Path, about: Mapping[str, Any], side: int
) -> str | None:
    """Load the tensors of `checkpoint` into `network`: all of its tensors and no others, of finite numbers.

    `about`: architecture and options of the network, for images of `side` pixels. Its tensors may have our
    names, those that the network's library gives, or those of a form that another collection has of it; see
    kd.networks.imported. Counters of norms may be missing. Logs what was taken and what was left out. Returns
    whose names they were; None for ours. Raises UserError naming the file and the first names of each kind
    that are missing, not known, of another shape or kind, or not finite.
    """
    weights, notes = cleaned(checkpoint.tensors, network.state_dict())
    inner, whose = getattr(network, "network", None), None
    if isinstance(inner, nn.Module) and not network.state_dict().keys() & weights.keys():
        network, whose = inner, about["architecture"].partition("/")[0]
    state = network.state_dict()
    form = form_of(weights, about["architecture"])
    if form:
        try:
            names = in_our_order(weights, form, state, about, side)
        except ValueError as error:
            raise UserError(f"{path}: {error}") from error
        weights = form.rearranged(weights)
        fitted = {name: weights[other] for name, other in names.items()}
        unused = [name for name in weights if name not in names.values()]
        notes += [f"{few(unused)}, which {form.collection} does not run"] if unused else []
    else:
        fitted = weights
    _check(fitted, state, path, about)
    load_state(network, state | fitted)
    keys = [f"{few(checkpoint.left_out)} of the file"] if checkpoint.left_out else []
    logger.info("%s: %s", path, _summary(fitted, state, form, keys + notes))
    return form.collection if form else whose


def _check(
    weights: Mapping[str, Tensor], state: Mapping[str, Tensor], path: Path, about: Mapping[str, Any]
) -> None:
    """UserError if `weights` are not those of `state`, whose counters they may lack."""
    both = [name for name in state if name in weights]
    lacks = [name for name in state if name not in weights and not name.endswith(COUNTER)]
    besides = [name for name in weights if name not in state]
    wrong = {
        "lacks": lacks,
        "has besides": besides,
        "has of another shape": [
            f"{plain(name)} {tuple(weights[name].shape)}, not {tuple(state[name].shape)}"
            for name in both
            if weights[name].shape != state[name].shape
        ],
        f"has of another kind than {', '.join(map(_kind, KINDS))}": [
            f"{plain(name)} ({_kind(weights[name].dtype)})"
            for name in both
            if weights[name].dtype not in KINDS + (() if state[name].is_floating_point() else WHOLE)
            or weights[name].layout != torch.strided
        ],
    }
    if not any(wrong.values()):
        infinite = [name for name in both if not weights[name].isfinite().all()]
        wrong["has numbers that are not finite in"] = infinite
    if mismatches := [f"{kind} {few(names)}" for kind, names in wrong.items() if names]:
        known = [form.collection for form in forms_of(about["architecture"])] if lacks and besides else []
        hint = f"; known are also the names that {' and '.join(known)} have" if known else ""
        raise UserError(
            f"{path}: does not fit this architecture and data set: it {'; '.join(mismatches)}{hint}"
        )


def _summary(
    weights: Mapping[str, Tensor], state: Mapping[str, Tensor], form: Form | None, left_out: list[str]
) -> str:
    """What was taken of a file, what was not, and what it lacked."""
    how = f"by order, with the names of {form.collection}" if form else "by name"
    missing = len(state) - len(weights)
    parts = [f"{len(weights)} tensors taken {how}"]
    parts += [f"left out: {', '.join(left_out)}"] if left_out else []
    parts += [f"missing: {missing} counters {COUNTER}, which no output needs"] if missing else []
    return "; ".join(parts)


def _kind(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
