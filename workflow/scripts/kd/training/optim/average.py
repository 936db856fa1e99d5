"""An exponential moving average of a network's weights over the steps of its training (EMA)."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import chain

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class Average:
    """The average of `network`, which begins as its weights are now: Polyak & Juditsky 1992.

    w̄ ← decay · w̄ + (1 − decay) · w after each step. As in timm, the statistics of batch norm are averaged
    too, and whole numbers are taken over.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        kept = network.state_dict()
        of_network = chain(network.named_parameters(), network.named_buffers())
        self._now = {name: tensor.detach() for name, tensor in of_network if name in kept}
        self.tensors = {name: tensor.clone() for name, tensor in self._now.items()}
        self._means = [name for name, tensor in self._now.items() if tensor.is_floating_point()]
        self._update = get_ema_multi_avg_fn(decay)

    def update(self) -> None:
        """Take the weights in that the network has now."""
        self._update(
            [self.tensors[name] for name in self._means], [self._now[name] for name in self._means], None
        )
        for name in self._now.keys() - set(self._means):
            self.tensors[name].copy_(self._now[name])

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange the average and the network's weights, to the bit; a second time undoes it."""
        for name, tensor in self._now.items():
            before = tensor.clone()
            tensor.copy_(self.tensors[name])
            self.tensors[name].copy_(before)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """While the block runs, the network has the average for its weights."""
        self.swap()
        try:
            yield
        finally:
            self.swap()

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Go back to an average that was kept."""
        for name, tensor in self.tensors.items():
            tensor.copy_(tensors[name])
