"""Several methods at once: their terms add up."""

import re
from typing import Any

from torch import Tensor, nn

from kd.catalog import build_method
from kd.contract import Batch, Distillation, Given


class Combined(Distillation):
    """The sum of several methods. The cross-entropy with the labels is there once, as the first has it."""

    def __init__(self, methods: dict[str, Distillation]) -> None:
        super().__init__()
        self._methods = nn.ModuleDict(methods)
        self.NEEDS = tuple(sorted({need for method in methods.values() for need in method.NEEDS}))
        self.preliminary = max(method.preliminary for method in methods.values())

    def describe(self) -> str:
        """Each of the losses, in order; the cross-entropy once."""
        first, *others = (method.describe() for method in self._methods.values())
        return "; ".join([first, *(re.sub(r"^(\S+·)?CE \+ ", "", other) for other in others)])

    def prepare(self, given: Given) -> None:
        """Prepare each, in order."""
        for method in self._methods.values():
            method.prepare(given)
            self.changes |= method.changes

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """The terms of all by name; in preliminary epochs, of those methods that have such epochs."""
        terms: dict[str, Tensor] = {}
        for name, method in self._methods.items():
            if batch.preliminary and not method.preliminary:
                continue
            for term, value in method.losses(batch).items():
                if term == "ce":
                    terms.setdefault("ce", value)
                else:
                    terms[term if term not in terms else f"{term}_{name}"] = value
        return terms


def build_methods(parts: list[tuple[str, dict[str, Any]]]) -> Distillation:
    """One method, or the sum of several, from the names and options of a config."""
    built = {name: build_method(name, options) for name, options in parts}
    return next(iter(built.values())) if len(built) == 1 else Combined(built)
