"""The mean and deviation that a network was trained with elsewhere, which are not those of the data set."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from kd.errors import UserError


def statistics(
    mean: Sequence[float], std: Sequence[float], data_mean: Sequence[float], data_std: Sequence[float]
) -> dict[str, list[float]]:
    """What to keep of them in a network's file, per channel, of pixels scaled to [0, 1].

    Raises UserError if there are not as many as the data set has channels.
    """
    if len(mean) != len(data_mean):
        raise UserError(f"mean and std: {len(mean)} numbers, but the images have {len(data_mean)} channels")
    values = {"mean": mean, "std": std, "data_mean": data_mean, "data_std": data_std}
    return {name: list(numbers) for name, numbers in values.items()}


def use_statistics(network: nn.Module, kept: Mapping[str, Any]) -> None:
    """Make `network` take images that are normalised as the data set's: it normalises them as it is used to.

    x = (p - data_mean) / data_std becomes (p - mean) / std, before its first layer. It is not folded into the
    weights of that layer, whose zeros of padding have to stay zero.
    """
    mean, std, data_mean, data_std = (
        torch.tensor(kept[name], dtype=torch.float64).view(1, -1, 1, 1)
        for name in ("mean", "std", "data_mean", "data_std")
    )
    inner = getattr(network, "network", None)
    first = inner if isinstance(inner, nn.Module) else network.stages[0]
    first.register_buffer("own_scale", (data_std / std).float(), persistent=False)
    first.register_buffer("own_shift", ((data_mean - mean) / std).float(), persistent=False)
    first.register_forward_pre_hook(_normalise)


def _normalise(module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    images, *rest = inputs
    return (images * module.own_scale + module.own_shift, *rest)
