"""Which tensors of a file are those of a network: all of them, or those of one module among others."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from kd.networks.imported.by_order import form_of, in_our_order
from kd.networks.imported.forms import Form
from kd.networks.imported.names import COUNTER, cleaned, parts, without_prefix
from kd.networks.imported.shown import few, plain

Weights = Mapping[str, Tensor]


@dataclass(frozen=True)
class Fit:
    """Tensors of a file for a network, by its names.

    `network`: that itself, or the library's within it, whose names the tensors had. `form`: that of another
    collection, whose names they had. `whose`: whose names these were; None for ours. `notes`: what was left
    out. `difference`: what keeps them from having that form.
    """

    network: nn.Module
    weights: Weights
    form: Form | None = None
    whose: str | None = None
    notes: list[str] = field(default_factory=list)
    difference: str = ""

    @property
    def misfits(self) -> dict[str, list[str]]:
        """Names that are missing, not known or of another shape, by the words for it; empty if all fit."""
        state = self.network.state_dict()
        kinds = {
            "lacks": [name for name in state if name not in self.weights and not name.endswith(COUNTER)],
            "has besides": [name for name in self.weights if name not in state],
            "has of another shape": [
                f"{plain(name)} {tuple(self.weights[name].shape)}, not {tuple(state[name].shape)}"
                for name in state
                if name in self.weights and self.weights[name].shape != state[name].shape
            ],
        }
        return {kind: names for kind, names in kinds.items() if names}


def fit_of(network: nn.Module, tensors: Weights, about: Mapping[str, Any], side: int) -> Fit:
    """All `tensors`, or else the only module among them that is such a network by names and shapes.

    `about`: architecture and options of the network, for images of `side` pixels. What fits neither way comes
    back as a whole, with its misfits. Raises ValueError saying what differs from the form of another
    collection, or which modules are such networks if several are.
    """
    weights, prefix = without_prefix(tensors, network.state_dict())
    whole = _whole(network, weights, about, side, [f"the prefix {prefix!r} of their names"] * bool(prefix))
    if not whole.difference and not whole.misfits:
        return whole
    modules = dict(_modules(network, tensors, about, side))
    if len(modules) > 1:
        found = few(map(repr, modules))
        raise ValueError(f"holds several networks that fit, under {found}; save the one that you want")
    if not modules and whole.difference:
        raise ValueError(whole.difference)
    return next(iter(modules.values()), whole)


def _modules(
    network: nn.Module, tensors: Weights, about: Mapping[str, Any], side: int
) -> Iterator[tuple[str, Fit]]:
    """The modules that fit, by the prefix of their names; of one that holds nothing but another the outer."""
    state, seen = network.state_dict(), []
    least = sum(not name.endswith(COUNTER) for name in state)
    for prefix, weights in parts(tensors, least).items():
        names = {prefix + name for name in weights}
        if without_prefix(weights, state)[1] or names in seen:
            continue
        rest = few(name for name in tensors if name not in names)
        fit = _whole(
            *(network, weights, about, side), [f"the prefix {prefix!r} of their names, and {rest} without it"]
        )
        if not fit.difference and not fit.misfits:
            seen.append(names)
            yield prefix, fit


def _whole(
    network: nn.Module, weights: Weights, about: Mapping[str, Any], side: int, prefix: list[str]
) -> Fit:
    """All `weights`, which have our names, those of the network's library, or those of a form."""
    weights, notes = cleaned(weights, network.state_dict())
    notes += prefix
    inner, whose = getattr(network, "network", None), None
    if isinstance(inner, nn.Module) and not network.state_dict().keys() & weights.keys():
        network, whose = inner, about["architecture"].partition("/")[0]
    form = form_of(weights, about["architecture"])
    if not form:
        return Fit(network, weights, None, whose, notes)
    try:
        names = in_our_order(weights, form, network.state_dict(), about, side)
    except ValueError as error:
        return Fit(network, weights, form, difference=str(error))
    weights = form.rearranged(weights)
    unused = [name for name in weights if name not in names.values()]
    notes += [f"{few(unused)}, which {form.collection} does not run"] if unused else []
    fitted = {name: weights[other] for name, other in names.items()}
    return Fit(network, fitted, form, form.collection, notes)
