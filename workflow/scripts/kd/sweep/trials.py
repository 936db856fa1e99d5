"""The trials of a sweep: which values are tried, in which order, and how each trial is named."""

import hashlib
import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kd.io.files import digest

Values = dict[str, Any]  # of each key that is swept


@dataclass(frozen=True)
class Sweep:
    """Values of a method or recipe that are tried; the method of the same name takes the best of them."""

    name: str
    over: tuple[str, ...]  # keys: an option of the method, or recipe.<key>
    log: tuple[str, ...]  # those of them that are spread over orders of magnitude
    trials: tuple[Values, ...]  # a value for each of these keys
    seeds: tuple[int, ...]
    halving: bool = False  # whether trials start with few epochs, and only the best of them go on


@dataclass(frozen=True)
class Axis:
    """A key and its values: those of a list, or all between two bounds."""

    key: str
    listed: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    steps: int = 0
    whole: bool = False  # whether only whole numbers are meant

    def at(self, share: float) -> Any:
        """The value at this share in [0, 1] of the way; of a list each value has an equal part of it."""
        if self.listed:
            return self.listed[min(int(share * len(self.listed)), len(self.listed) - 1)]
        if self.log:
            value = math.exp(math.log(self.low) + share * math.log(self.high / self.low))
        else:
            value = self.low + share * (self.high - self.low)
        # Six digits: easily read, and no last bit that a machine's logarithm could decide.
        return round(value) if self.whole else float(f"{value:.6g}")

    def points(self) -> list[Any]:
        """The values of a grid, in order."""
        return list(self.listed) or [self.at(step / (self.steps - 1)) for step in range(self.steps)]


def grid(axes: Sequence[Axis]) -> Iterator[Values]:
    """Every combination; the last key varies fastest."""
    for combination in itertools.product(*(axis.points() for axis in axes)):
        yield dict(zip([axis.key for axis in axes], combination, strict=True))


def drawn(axes: Sequence[Axis], trials: int, seed: int) -> Iterator[Values]:
    """Values drawn at random, each a function of (seed, its place, key) alone: more trials change none."""
    for place in range(trials):
        yield {axis.key: axis.at(_share(seed, place, axis.key)) for axis in axes}


def _share(seed: int, place: int, key: str) -> float:
    """A number of [0, 1), from the first 53 bits of a SHA-256: the same on every machine, for ever."""
    digest = hashlib.sha256(f"{seed}\0{place}\0{key}".encode()).digest()
    return (int.from_bytes(digest[:8]) >> 11) / 2**53


def trial_name(values: Mapping[str, Any], epochs: int) -> str:
    """A name made of what the trial is, so that it stays however the sweep around it changes."""
    return digest(json.dumps({"values": values, "epochs": epochs}, sort_keys=True))


def rungs(trials: int, epochs: int) -> list[tuple[int, int]]:
    """Successive halving by thirds: how many trials are trained for how many epochs, rung by rung.

    Jamieson & Talwalkar 2016 (arXiv:1502.07943) with eta = 3: of n trials ceil(n / 3^r) are in rung r, each
    for epochs · 3^(r - R), one epoch at least, where R = floor(log_3 n): the last rung has three at most.
    """
    last = 0
    while 3 ** (last + 1) <= trials:
        last += 1
    return [(-(-trials // 3**rung), max(1, round(epochs / 3 ** (last - rung)))) for rung in range(last + 1)]
