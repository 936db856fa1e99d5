"""Several methods at once: their terms add up."""

from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from kd.distillation.base import Context, Distillation
from kd.distillation.batch import Batch
from kd.registry import find_method


class Combined(Distillation):
    """The sum of several methods. The cross-entropy is there once: that of the first that has one."""

    def __init__(self, methods: dict[str, Distillation]) -> None:
        super().__init__()
        self._methods = nn.ModuleDict(methods)
        self.NEEDS = tuple(sorted({need for method in methods.values() for need in method.NEEDS}))
        self.REMEMBERS_SAMPLES = any(method.REMEMBERS_SAMPLES for method in methods.values())
        kinds = {method.COMPANIONS for method in methods.values()} - {None}
        self.COMPANIONS = next(iter(kinds)) if kinds else None
        self.preliminary = max(method.preliminary for method in methods.values())
        # A config has checked that it is the same for all that have such epochs.
        rates = [method.preliminary_lr for method in methods.values() if method.preliminary]
        self.preliminary_lr = rates[0] if rates else None
        self.batch_statistics = any(method.batch_statistics for method in methods.values())

    def describe(self) -> str:
        """Each of the losses, in order."""
        losses = [method.describe() for method in self._methods.values()]
        once = " (CE once, the first)" if sum("CE" in loss for loss in losses) > 1 else ""
        return "; ".join(losses) + once

    @property
    def softened_at(self) -> float:
        """Of the first of them that has a teacher."""
        return next(
            (
                method.softened_at
                for method in self._methods.values()
                if {"logits", "members"} & set(method.NEEDS)
            ),
            1.0,
        )

    def prepare(self, context: Context) -> None:
        """Prepare each, those first that change the student: the others see it as it then is."""
        for method in self._in_order():
            method.prepare(replace(context))  # a fresh one, that remembers no shapes from before
            self.changes |= method.changes

    def _in_order(self) -> list[Distillation]:
        return sorted(self._methods.values(), key=lambda method: not method.CHANGES_STUDENT)

    def deployed(self, student: nn.Module) -> nn.Module:
        """What each makes of it, those last that were prepared first."""
        for method in reversed(self._in_order()):
            student = method.deployed(student)
        return student

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """The terms of all by name; in preliminary epochs, of those methods that have such epochs."""
        terms: dict[str, Tensor] = {}
        for name, method in self._methods.items():
            if batch.preliminary and not method.preliminary:
                continue
            for term, value in method.effective_losses(batch).items():
                if term == "ce":
                    terms.setdefault("ce", value)
                else:
                    terms[term if term not in terms else f"{term}_{name}"] = value
        return terms


def build_methods(parts: list[tuple[str, dict[str, Any]]]) -> Distillation:
    """One method, or the sum of several, from the names and options of a config."""
    built = {name: build_method(name, options) for name, options in parts}
    return next(iter(built.values())) if len(built) == 1 else Combined(built)


def build_method(name: str, settings: dict[str, Any]) -> Any:
    """A method, ready to be called by the engine; `settings` are its options as in the config."""
    entry = find_method(name)
    return entry.load()(**dict(entry.options.model_validate(settings)))
