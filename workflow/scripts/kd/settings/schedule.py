"""Learning rates as pure functions of the epoch and the step, so that a resumed run cannot lose its place."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class LrSchedule:
    """How the learning rate rises and falls: a factor of `lr` for each unit of time, an epoch or a step.

    `name`: cosine, linear, constant, multi_step or one_cycle. `length` and `warmup` count units, as do
    `milestones`; `peak` is the share of the length that one_cycle rises for.
    """

    name: str
    length: int
    warmup: float = 0.0
    milestones: Sequence[int] = ()
    gamma: float = 0.1
    peak: float = 0.3

    def factor(self, unit: int) -> float:
        """The factor in unit `unit` (from 0).

        Warm-up rises by equal steps to 1: (n + 1) / W in unit n, as Goyal et al. 2017 (arXiv:1706.02677),
        section 2.2. What follows falls over the units that are left.
        """
        rise = self.peak * self.length if self.name == "one_cycle" else self.warmup
        if unit < rise:
            return min(1.0, (unit + 1) / rise)
        if self.name == "multi_step":
            return self.gamma ** sum(unit >= milestone for milestone in self.milestones)
        return self._falls(unit - rise, self.length - rise)

    def _falls(self, done: float, length: float) -> float:
        """The factor after `done` of the `length` of the fall.

        Cosine: Loshchilov & Hutter 2017 (arXiv:1608.03983), equation 5, without restarts, down to 0. One
        cycle: Smith & Topin 2018 (arXiv:1708.07120), a triangle, here to 0 and with momentum as it is.
        """
        match self.name:
            case "cosine":
                return 0.5 * (1 + math.cos(math.pi * done / length))
            case "linear" | "one_cycle":
                return 1 - done / length
        return 1.0
