"""Runs a network for the outputs that methods read."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from kd.distillation.base import Output

# Logits, stages, and what else has a name.
Outputs = tuple[Tensor, tuple[Tensor, ...], dict[str, Any]]


def outputs_of(network: nn.Module, images: Tensor) -> Outputs:
    """All that a network puts out for images (B, C, H, W), in types that a compiled network may return."""
    if hasattr(network, "forward_named"):  # of a library, with tokens perhaps
        stages, logits, named = network.forward_named(images)
    else:
        (stages, logits), named = network.forward_stages(images), {}
    return logits, tuple(stages), named


def as_output(logits: Tensor, stages: tuple[Tensor, ...], named: Mapping[str, Any]) -> Output:
    """The same as an `Output`, in float32."""
    tokens = tuple(_floats(stage) for stage in named.get("tokens", ()))
    heads, read = _floats(named.get("heads", {})), named.get("read")
    floats = tuple(stage.float() for stage in stages)
    return Output(
        logits.float(), floats, tokens=tokens, heads=heads, read=None if read is None else read.float()
    )


def _floats(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.float() for name, tensor in tensors.items()}
