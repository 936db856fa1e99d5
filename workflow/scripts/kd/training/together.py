"""What the ranks of a job do in common in each step of a training; one process alone does nothing of it."""

import gc
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from kd.data.loader import Samples
from kd.data.sampler import step_seed
from kd.runtime.ranks.group import Ranks


class Together:
    """Averages the gradients of `model` and `method` over the ranks, by torch's DistributedDataParallel.

    It also gives all ranks the first one's buffers before each step, such as the statistics of batch norm.
    """

    def __init__(self, ranks: Ranks, model: nn.Module, method: nn.Module, device: torch.device) -> None:
        self._ranks, self._averaging = ranks, None
        if ranks.count > 1:
            # What a step leaves out, as preliminary epochs do of a network, is not known here.
            options: dict[str, Any] = {"find_unused_parameters": True}
            options |= {"device_ids": [device.index]} if device.type == "cuda" else {}
            # Layers of one input channel: their gradients lie the same under two descriptions.
            warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides")
            self._averaging = DistributedDataParallel(_Learning(model, method), **options)

    def run(self, function: Callable, *arguments: Any) -> Any:
        """What `function` returns; the gradients of all its results will be averaged."""
        return self._averaging(function, *arguments) if self._averaging else function(*arguments)

    def seed(self, seed: int, samples: Samples) -> None:
        """Let what is drawn in a step be a function of the seed, its place and the rank.

        So a checkpoint needs the generators of no rank.
        """
        if self._averaging:
            torch.manual_seed(step_seed(seed, samples.epoch, samples.first, self._ranks.rank))

    def scaled(self, loss: Tensor, samples: Samples) -> Tensor:
        """A mean over this rank's samples, for the average over ranks to be the mean over the whole batch."""
        return loss * samples.weight if self._averaging else loss

    def sums(self, totals: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Of all ranks; of "sound", the steps before the first one that was not, the least."""
        every = self.kept(totals)
        if self._ranks.count == 1:
            return every
        return {name: total.min() if name == "sound" else total.sum() for name, total in every.items()}

    def kept(self, totals: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """As a checkpoint keeps them: of several ranks each one's, (ranks,)."""
        if self._ranks.count == 1:
            return dict(totals)
        return {name: self._ranks.gathered(total[None], self._ranks.count) for name, total in totals.items()}

    def own(self, kept: Tensor) -> Tensor:
        """This rank's of what was kept."""
        return kept if self._ranks.count == 1 else kept[self._ranks.rank].clone()

    def end(self) -> None:
        """Average no more: another will, of the same parameters."""
        self._averaging = None
        gc.collect()  # its hooks on the parameters go with it


class _Learning(nn.Module):
    """All that learns, so that one wrapper sees it, and a function that uses it."""

    def __init__(self, *learning: nn.Module) -> None:
        super().__init__()
        self.learning = nn.ModuleList(learning)

    def forward(self, function: Callable, *arguments: Any) -> Any:
        return function(*arguments)
