"""Two momenta: one of the gradient that labels give, and a longer one of what distillation gives."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

Gradients = Mapping[str, Tensor | None]


class TwoMomenta:
    """Distillation-oriented trainer (DOT): Zhao, Cui, Song & Liang 2023 (arXiv:2307.08436).

    v₁ ← (m − Δ) · v₁ + gradient of the cross-entropy + decay · w, v₂ ← (m + Δ) · v₂ + gradient of the other
    terms, w ← w − lr · (v₁ + v₂). Two of torch's SGD, one after the other. A parameter that gets only one of
    both gradients has the usual momentum m, as in the authors' code; `rest` updates it.
    """

    def __init__(
        self,
        rest: torch.optim.SGD,
        parameters: Mapping[str, nn.Parameter],
        *,
        momentum: float,
        difference: float,
    ) -> None:
        self._rest, self._parameters = rest, parameters
        groups = [{name: group[name] for name in ("params", "weight_decay")} for group in rest.param_groups]
        self.labels = torch.optim.SGD(groups, momentum=momentum - difference, fused=True)
        everything = list(parameters.values())
        self.distilled = torch.optim.SGD(everything, momentum=momentum + difference, fused=True)

    def set_lr(self, lr: float | Tensor) -> None:
        """The learning rate of the steps to come."""
        for optimizer in (self.labels, self.distilled):
            for group in optimizer.param_groups:
                group["lr"] = lr

    def step(self, labels: Gradients, distilled: Gradients) -> None:
        """One update by the gradients of the cross-entropy, and of the other terms, by parameter."""
        both = {name for name in self._parameters if labels[name] is not None and distilled[name] is not None}
        alone = {
            name: labels[name] if distilled[name] is None else distilled[name]
            for name in self._parameters
            if name not in both
        }
        # The decay is of the weights as they are before both updates: that of the labels goes first.
        for optimizer, gradients in (
            (self._rest, alone),
            (self.labels, {name: labels[name] for name in both}),
            (self.distilled, {name: distilled[name] for name in both}),
        ):
            for name, parameter in self._parameters.items():
                parameter.grad = gradients.get(name)
            optimizer.step()

    def owners(self) -> dict[str, tuple[Any, nn.Parameter]]:
        """Whose state is kept, by name: parameters with which of both momenta it is."""
        return {
            f"{which}.{name}": (optimizer, parameter)
            for which, optimizer in (("labels", self.labels), ("distilled", self.distilled))
            for name, parameter in self._parameters.items()
        }
