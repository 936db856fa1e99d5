"""Ways to give back all logits (B, C) of the k largest, for a loss at a temperature."""

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from kd.teachers.encoding import Encoding

Restore = Callable[[Tensor, int, float], Tensor]


def own_temperature(logits: Tensor, top_k: int, temperature: float) -> Tensor:
    """As the workflow does it: the others alike, with the right probability in all at this temperature."""
    encoding = Encoding(logits.shape[1], top_k)
    return encoding.decode(encoding.encode(logits), temperature)


def right_at_1(logits: Tensor, top_k: int, temperature: float) -> Tensor:
    """The others alike, with the right probability in all where the temperature is 1."""
    return own_temperature(logits, top_k, 1.0)


def mean_of_others(logits: Tensor, top_k: int, temperature: float) -> Tensor:
    """The others alike: their mean, which is right where the temperature is high."""
    return own_temperature(logits, top_k, 1e9)


def normal_quantiles(logits: Tensor, top_k: int, temperature: float) -> Tensor:
    """The others as quantiles of a normal distribution with their mean and deviation, in a fixed order."""
    values, labels = logits.topk(top_k, dim=1)
    others = torch.ones_like(logits, dtype=torch.bool).scatter(1, labels, False)
    rest = logits[others].view(len(logits), -1)
    count = rest.shape[1]
    quantiles = math.sqrt(2) * torch.erfinv(2 * (torch.arange(count) + 0.5) / count - 1)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(0))
    restored = logits.clone()
    restored[others] = (rest.mean(1, keepdim=True) + rest.std(1, keepdim=True) * quantiles[order]).flatten()
    return restored.scatter(1, labels, values)


WAYS: Mapping[str, Restore] = {
    "own temperature": own_temperature,
    "right at T=1": right_at_1,
    "mean": mean_of_others,
    "quantiles": normal_quantiles,
}
