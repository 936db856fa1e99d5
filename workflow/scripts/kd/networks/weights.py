"""Weights of the user's own for one of the architectures, which must fit it to the last number."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from kd.errors import UserError
from kd.io.log import logger
from kd.networks.imported.fit import Fit, fit_of
from kd.networks.imported.forms import forms_of
from kd.networks.imported.names import COUNTER
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
    kd.networks.imported. Counters of norms may be missing. Of several modules the only fitting one is taken.
    Logs what was taken and what was left out. Returns whose names they were; None for ours. Raises UserError
    naming the file and the first names of each kind that are missing, not known, of another shape or kind, or
    not finite.
    """
    try:
        fit = fit_of(network, checkpoint.tensors, about, side)
    except ValueError as error:
        raise UserError(f"{path}: {error}") from error
    state = fit.network.state_dict()
    _check(fit, state, path, about)
    load_state(fit.network, state | fit.weights)
    keys = [f"{few(checkpoint.left_out)} of the file"] if checkpoint.left_out else []
    logger.info("%s: %s", path, _summary(fit, state, keys + fit.notes))
    return fit.whose


def _check(fit: Fit, state: Mapping[str, Tensor], path: Path, about: Mapping[str, Any]) -> None:
    """UserError if the weights are not those of `state`, whose counters they may lack."""
    weights, wrong = fit.weights, fit.misfits
    both = [name for name in state if name in weights]
    wrong[f"has of another kind than {', '.join(map(_kind, KINDS))}"] = [
        f"{plain(name)} ({_kind(weights[name].dtype)})"
        for name in both
        if weights[name].dtype not in KINDS + (() if state[name].is_floating_point() else WHOLE)
        or weights[name].layout != torch.strided
    ]
    if not any(wrong.values()):
        infinite = [name for name in both if not weights[name].isfinite().all()]
        wrong["has numbers that are not finite in"] = infinite
    if mismatches := [f"{kind} {few(names)}" for kind, names in wrong.items() if names]:
        names_differ = {"lacks", "has besides"} <= wrong.keys()
        known = [form.collection for form in forms_of(about["architecture"])] if names_differ else []
        hint = f"; known are also the names that {' and '.join(known)} have" if known else ""
        raise UserError(
            f"{path}: does not fit this architecture and data set: it {'; '.join(mismatches)}{hint}"
        )


def _summary(fit: Fit, state: Mapping[str, Tensor], left_out: list[str]) -> str:
    """What was taken of a file, what was not, and what it lacked."""
    how = f"by order, with the names of {fit.form.collection}" if fit.form else "by name"
    missing = len(state) - len(fit.weights)
    parts = [f"{len(fit.weights)} tensors taken {how}"]
    parts += [f"left out: {', '.join(left_out)}"] if left_out else []
    parts += [f"missing: {missing} counters {COUNTER}, which no output needs"] if missing else []
    return "; ".join(parts)


def _kind(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
