"""torch.optim.Muon for weights of any shape, convolutions among them."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class Muon:
    """Muon: Jordan et al. 2024 (https://kellerjordan.github.io/posts/muon/).

    torch.optim.Muon takes matrices alone, and its step reads a learning rate that is a tensor back to the
    host, which a CUDA graph cannot do. So here it moves a matrix of zeros for each weight, which is
    (out, in · height · width) for a convolution as in the author's code, by a step of learning rate 1; that
    is then scaled and added to the weight: w ← (1 − lr · decay) · w − lr · 0.2 · sqrt(max(sides)) · O.
    """

    def __init__(
        self, weights: Mapping[str, nn.Parameter], *, weight_decay: float, momentum: float, nesterov: bool
    ) -> None:
        self.weights, self._decay = dict(weights), weight_decay
        self.moves = {name: _matrix(weight) for name, weight in weights.items()}
        self.optimizer = torch.optim.Muon(
            list(self.moves.values()),
            lr=1.0,
            weight_decay=0.0,
            momentum=momentum,
            nesterov=nesterov,
            adjust_lr_fn="match_rms_adamw",
        )

    @torch.no_grad()
    def step(self, lr: float | Tensor) -> None:
        """Update the weights that have a gradient."""
        for name, weight in self.weights.items():
            self.moves[name].grad = None if weight.grad is None else weight.grad.flatten(1)
        self.optimizer.step()
        for name, weight in self.weights.items():
            if weight.grad is not None:
                move = self.moves[name]
                weight.mul_(1 - lr * self._decay).add_(move.view(weight.shape) * lr)
                move.zero_()


def _matrix(weight: nn.Parameter) -> Tensor:
    return torch.zeros(len(weight), weight[0].numel(), dtype=weight.dtype, device=weight.device)
