"""Layers of another collection's form of an architecture, one after another as ours."""

from collections.abc import Mapping
from itertools import zip_longest
from typing import Any

from torch import Tensor

from kd.networks.imported.forms import Form, forms_of
from kd.networks.imported.names import COUNTER
from kd.networks.imported.shown import few, plain

Weights = Mapping[str, Tensor]
Layers = dict[str, dict[str, Tensor]]  # of a network: tensors by the last part of their names


def form_of(weights: Weights, architecture: str) -> Form | None:
    """The form of `architecture` that has all these names; None where there is none."""
    layers = _layers(weights)
    return next((form for form in forms_of(architecture) if layers and all(map(form.place, layers))), None)


def in_our_order(
    weights: Weights, form: Form, state: Weights, about: Mapping[str, Any], side: int
) -> dict[str, str]:
    """For each of our tensors of `state`, counters apart, the name of the same one in `weights`.

    `about`: architecture and options, for images of `side` pixels. Raises ValueError saying where layers
    differ, or which option the form needs.
    """
    if option := form.option_missing(about["options"], side):
        raise ValueError(
            f"has the names of {form.collection}, whose {about['architecture']} has {option}; set that"
        )
    theirs = {name: tensors for name, tensors in _layers(weights).items() if name not in form.unused}
    theirs = dict(sorted(theirs.items(), key=lambda layer: form.place(layer[0])))
    ours = _layers(state)
    names = {}
    for one, other in zip_longest(ours, theirs):
        if one is None or other is None or _shapes(ours[one]) != _shapes(theirs[other]):
            raise ValueError(_difference(one, other, ours, theirs, form, about))
        names |= {f"{one}.{part}": f"{other}.{part}" for part in theirs[other]}
    return names


def _layers(weights: Weights) -> Layers:
    """The layers that tensors belong to, in the tensors' order."""
    layers: Layers = {}
    for name, tensor in weights.items():
        layer, _, part = name.rpartition(".")
        layers.setdefault(layer, {})[part] = tensor
    return layers


def _shapes(layer: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {part: tuple(tensor.shape) for part, tensor in layer.items() if part != COUNTER}


def _difference(
    one: str | None, other: str | None, ours: Layers, theirs: Layers, form: Form, about: Mapping[str, Any]
) -> str:
    """What to say of the first layers, `one` of ours and `other` of theirs, that are not the same."""
    expected = _shapes(ours[one]) if one else {}
    got = _shapes(theirs[other]) if other else {}
    if one == list(ours)[-1] and got.keys() == expected.keys():
        classes, outputs = expected["weight"][0], got["weight"][0]
        if got["weight"][1:] == expected["weight"][1:]:
            return f"has {outputs} outputs ({plain(other)}), and the data set has {classes} classes"
    text = (
        f"has the names of {form.collection}, but is another network than {about['architecture']}"
        f" {about['options']}: it has {len(theirs)} layers, and that {len(ours)}, which first differ in"
        f" {_shown(other, got)}, not {_shown(one, expected)}"
    )
    return f"{text} ({form.note})" if form.note else text


def _shown(name: str | None, shapes: Mapping[str, tuple[int, ...]]) -> str:
    parts = few(f"{part} {shape}" for part, shape in shapes.items() if part in ("weight", "bias"))
    return f"{plain(name)} ({parts})" if name else "nothing"
