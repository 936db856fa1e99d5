"""Channels of pytorch-cifar's dense blocks, brought into the order that ours have."""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

_LAYER = re.compile(r"dense(\d)\.(\d+)\.(bn1|conv1)\.")
_AFTER = re.compile(r"(trans\d\.(bn|conv)|bn|linear)\.")
_OF_INPUTS = {"conv1", "conv", "linear"}  # layers whose weights have their inputs in dimension 1


def newest_last(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same network for maps that have a layer's new channels behind all earlier ones.

    pytorch-cifar puts them in front: it concatenates [new, x], torchvision and the paper (arXiv:1608.06993,
    equation 2) [x, new]. What follows a concatenation, a norm or the inputs of a convolution, is permuted;
    no shape shows it. Weights without such blocks come back as they are.
    """
    growth = weights["dense1.0.conv2.weight"].shape[0] if "dense1.0.conv2.weight" in weights else 0
    counts: dict[str, int] = {}
    for name in weights:
        if layer := _LAYER.match(name):
            counts[layer[1]] = max(counts.get(layer[1], 0), int(layer[2]) + 1)
    return {name: _permuted(name, tensor, growth, counts) for name, tensor in weights.items()}


def _permuted(name: str, tensor: Tensor, growth: int, counts: Mapping[str, int]) -> Tensor:
    layer, after = _LAYER.match(name), _AFTER.match(name)
    if not growth or not counts or tensor.ndim == 0 or not (layer or after):
        return tensor
    if layer:
        kind, layers = layer[3], int(layer[2])
    else:
        block = re.sub(r"\D", "", after[1]) or max(counts)  # a transition follows the block of its number
        kind, layers = after[1].rpartition(".")[2], counts.get(block, 0)
    if kind in _OF_INPUTS and tensor.ndim == 1:
        return tensor  # a bias
    dimension = int(kind in _OF_INPUTS)
    new = layers * growth
    if tensor.shape[dimension] < new:
        return tensor  # another network, which its shapes will say
    channels = torch.arange(tensor.shape[dimension])
    order = torch.cat([channels[new:], channels[:new].view(layers, growth).flip(0).flatten()])
    return tensor.index_select(dimension, order)
